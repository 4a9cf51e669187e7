import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TarEntry, writeTar } from './tar.ts';

const mediaTypePrefix = 'application/vnd.oci.image';
const unixEpoch = '1970-01-01T00:00:00Z';

/**
 * OCI image archives without a container engine: a tar of `oci-layout`, `index.json` and blobs, as `ctr images import`,
 * `docker load` and `skopeo` read it. The same layers and settings give the same bytes, so the digest says whether
 * anything changed. Formats: OCI Image Format Specification 1.0 (image-layout, manifest, config).
 */
export type OciImage = {
  /** Full reference, for example `docker.io/hybridstore/operator:0.1.0`. */
  readonly reference: string;
  /** Lower layers first; each is one tar. */
  readonly layers: readonly (readonly TarEntry[])[];
  readonly config: {
    readonly entrypoint: readonly string[];
    readonly user: string;
    readonly workingFolder: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly labels: Readonly<Record<string, string>>;
  };
};

type Blob = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
};

/** Writes the archive to `path` (whole or not at all) and gives the digest of the image's manifest, `sha256:…`. */
export async function writeOciArchive(path: string, image: OciImage): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const folder = await mkdtemp(`${path}.`);
  try {
    const blobs = new Map<string, TarEntry>();
    const layers: Blob[] = [];
    for (const entries of image.layers) layers.push(await writeLayer(folder, entries, blobs));
    const config = addJson(blobs, `${mediaTypePrefix}.config.v1+json`, imageConfig(image, layers));
    const manifestType = `${mediaTypePrefix}.manifest.v1+json`;
    const manifest = addJson(blobs, manifestType, { schemaVersion: 2, mediaType: manifestType, config, layers });
    const archive = [...blobs.values(), ...layoutFiles(image.reference, manifest)];
    await pipeline(writeTar(archive), createWriteStream(join(folder, 'archive')));
    await rename(join(folder, 'archive'), path);
    return manifest.digest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A layer's digest is known only after it was written, so it goes to a file first. Layers are not compressed. */
async function writeLayer(folder: string, entries: readonly TarEntry[], blobs: Map<string, TarEntry>): Promise<Blob> {
  const source = join(folder, `layer-${blobs.size}`);
  const hash = createHash('sha256');
  const hashed = async function* () {
    for await (const chunk of writeTar(entries)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed(), createWriteStream(source, { highWaterMark: 1 << 20 }));
  const digest = hash.digest('hex');
  blobs.set(digest, { kind: 'copy', path: blobPath(digest), mode: 0o644, source });
  return { mediaType: `${mediaTypePrefix}.layer.v1.tar`, digest: `sha256:${digest}`, size: (await stat(source)).size };
}

function addJson(blobs: Map<string, TarEntry>, mediaType: string, value: object): Blob {
  const content = Buffer.from(JSON.stringify(value));
  const digest = createHash('sha256').update(content).digest('hex');
  blobs.set(digest, { kind: 'file', path: blobPath(digest), mode: 0o644, content });
  return { mediaType, digest: `sha256:${digest}`, size: content.length };
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest}`;
}

/** The image configuration; an uncompressed layer's digest is its diff id. */
function imageConfig(image: OciImage, layers: readonly Blob[]): object {
  const { entrypoint, user, workingFolder, environment, labels } = image.config;
  return {
    created: unixEpoch,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      User: user,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      WorkingDir: workingFolder,
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    history: layers.map(() => ({ created: unixEpoch, created_by: 'hybridstore' })),
  };
}

function layoutFiles(reference: string, manifest: Blob): TarEntry[] {
  const annotations = {
    'io.containerd.image.name': reference,
    'org.opencontainers.image.ref.name': reference.slice(reference.lastIndexOf(':') + 1),
  };
  const index = {
    schemaVersion: 2,
    mediaType: `${mediaTypePrefix}.index.v1+json`,
    manifests: [{ ...manifest, annotations }],
  };
  const file = (path: string, value: object): TarEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    content: Buffer.from(JSON.stringify(value)),
  });
  return [file('oci-layout', { imageLayoutVersion: '1.0.0' }), file('index.json', index)];
}
