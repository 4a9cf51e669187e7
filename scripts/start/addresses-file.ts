import { join } from 'node:path';
import { type PlatformAddresses, platformAddressesFile } from '@hybridstore/contracts';
import { writePrivateJson } from './private-file.ts';

/** Written whole, so that its presence means: everything in it answers. */
export async function writeAddresses(folder: string, addresses: PlatformAddresses): Promise<string> {
  const path = join(folder, platformAddressesFile);
  await writePrivateJson(path, addresses);
  return path;
}
