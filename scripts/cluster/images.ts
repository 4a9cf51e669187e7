import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildResult, type BuiltEntry, build, selectEntries, withoutTypes } from '../build.ts';
import { readScriptArguments } from '../script-arguments.ts';
import {
  baseFiles,
  folderFiles,
  imageUserId,
  libraryFiles,
  nativeBinaries,
  nodeBinaryPath,
  packageClosure,
  packageFiles,
} from './image-files.ts';
import { type ClusterLayout, layoutCluster, type NodeLayout, repositoryFolder } from './layout.ts';
import { containerdSocket, pauseImage } from './node.ts';
import { writeOciArchive } from './oci-archive.ts';
import { findProgram } from './prerequisites.ts';
import { createProgress, type Progress } from './progress.ts';
import { run } from './run.ts';
import { type TarEntry, withParents } from './tar.ts';

const nodePath = 'usr/local/bin/node';
/** A small shell, by which a node bounds the memory of its children before they become Node (`ulimit`). */
const shellSource = '/bin/dash';
const shellPath = 'bin/sh';
const importTimeoutMs = 120_000;

/**
 * The images of the product, built as OCI archives without Docker, and their import into the nodes of a local cluster.
 *
 *     node scripts/cluster/images.ts [--output DIR] [--tag TAG] [--import] [--state DIR]
 *     node scripts/cluster/images.ts --folders DIR    (for the Dockerfile: the application of each image as plain files)
 *
 * Layers of an image, lower first: Node with its libraries, packages that cannot be bundled, the built code.
 */
export type ImageSpec = {
  /** Short name, for example `hybridstore/operator`; the registry docker.io is understood, as Kubernetes does. */
  readonly name: string;
  readonly tag: string;
  readonly entrypoint: readonly string[];
  /** The application, at `app/…` (paths without a leading slash). */
  readonly files: readonly TarEntry[];
  /** Packages from node_modules, in a layer of their own: they change less often than the application. */
  readonly packages?: readonly TarEntry[];
  readonly labels?: Readonly<Record<string, string>>;
};

export type Image = {
  /** As written in a pod: `hybridstore/operator:0.1.0`. */
  readonly reference: string;
  readonly archive: string;
  /** `sha256:…` of the manifest: equal input, equal digest. */
  readonly digest: string;
};

/** Builds one image with the pinned Node in it and writes its archive to `archive`. */
export async function buildImage(spec: ImageSpec, archive: string): Promise<Image> {
  const source = nodeBinaryPath(repositoryFolder);
  const packages = spec.packages ?? [];
  const libraries = await libraryFiles([source, shellSource, ...nativeBinaries([...packages, ...spec.files])]);
  const node: TarEntry = { kind: 'copy', path: nodePath, mode: 0o755, source };
  const shell: TarEntry = { kind: 'copy', path: shellPath, mode: 0o755, source: shellSource };
  const reference = `${spec.name}:${spec.tag}`;
  const digest = await writeOciArchive(archive, {
    reference: `docker.io/${reference}`,
    layers: [[...baseFiles(), ...libraries, node, shell], packages, spec.files].filter((layer) => layer.length > 0),
    config: {
      entrypoint: spec.entrypoint,
      user: `${imageUserId}:${imageUserId}`,
      workingFolder: '/app',
      environment: { PATH: '/usr/local/bin', NODE_ENV: 'production', HOME: '/tmp' },
      labels: spec.labels ?? {},
    },
  });
  return { reference, archive, digest };
}

export type ProductImageOptions = {
  /** Folder for the archives; default `dist/images`. */
  readonly outputFolder?: string;
  /** Default: the version in package.json. */
  readonly tag?: string;
  readonly progress?: Progress;
};

/** Builds the code and from it both images: `hybridstore/operator` and `hybridstore/services`. */
export async function buildProductImages(options: ProductImageOptions = {}): Promise<Image[]> {
  const progress = options.progress ?? createProgress();
  const output = options.outputFolder ?? join(repositoryFolder, 'dist', 'images');
  const tag = options.tag ?? readVersion();
  const { operator, services } = await buildProduct(tag, progress);
  return progress('write image archives', async () => [
    await buildImage(operator, join(output, `operator-${tag}.tar`)),
    await buildImage(services, join(output, `services-${tag}.tar`)),
  ]);
}

/** Writes what the images hold above Node to `folder/operator` and `folder/services`, which must not exist. */
async function writeProductFolders(folder: string, progress: Progress): Promise<void> {
  const images = await buildProduct(readVersion(), progress);
  for (const [name, image] of Object.entries(images))
    writeEntries(join(folder, name), [...(image.packages ?? []), ...image.files]);
}

/** The workspaces whose programs an image is for. The command line runs where people are, and is in none. */
const imageFolders = { operator: 'operator/', services: 'services/' } as const;
export type ProductImage = keyof typeof imageFolders;

/** What an image holds of a build. */
export function imageEntries(entries: readonly BuiltEntry[], name: ProductImage): readonly BuiltEntry[] {
  return selectEntries(entries, (source) => source.startsWith(imageFolders[name]));
}

/** Builds the code, and says what each image holds. */
async function buildProduct(tag: string, progress: Progress): Promise<Record<ProductImage, ImageSpec>> {
  const product = { built: await progress('build dist', () => build({ root: repositoryFolder })), tag };
  return {
    operator: {
      ...productImage(product, 'operator'),
      entrypoint: [`/${nodePath}`, '/app/operator/src/main.js'],
    },
    services: {
      ...productImage(product, 'services'),
      // The container's arguments name the service; the launcher becomes it.
      entrypoint: [`/${nodePath}`, '/app/launch.js'],
    },
  };
}

type Product = {
  readonly built: BuildResult;
  readonly tag: string;
};

/** One image's files, with exactly the packages that its entries leave outside of their bundles. */
function productImage(product: Product, name: ProductImage): Omit<ImageSpec, 'entrypoint'> {
  const { built, tag } = product;
  const entries = imageEntries(built.entries, name);
  const requests = entries.flatMap((entry) => {
    const from = dirname(join(repositoryFolder, entry.source));
    return entry.externals.map((name) => ({ name, from }));
  });
  const outputs = new Set(entries.flatMap((entry) => entry.outputs));
  const code = folderFiles(built.folder, 'app', (path) => outputs.has(path) || path === 'package.json');
  return {
    name: `hybridstore/${name}`,
    tag,
    packages: packageFiles(packageClosure(repositoryFolder, requests)),
    files: [...code, launcherFile()],
    labels: {
      'org.opencontainers.image.title': `hybridstore/${name}`,
      'org.opencontainers.image.version': tag,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  };
}

/** Without its types: Node would load a parser to take them off each time. */
export function launcherFile(): TarEntry {
  const text = withoutTypes(fileURLToPath(new URL('./image/launch.ts', import.meta.url)));
  return { kind: 'file', path: 'app/launch.js', mode: 0o644, content: Buffer.from(text) };
}

function writeEntries(folder: string, entries: readonly TarEntry[]): void {
  mkdirSync(folder, { recursive: true });
  for (const entry of withParents(entries)) {
    const path = join(folder, entry.path);
    if (entry.kind === 'folder') mkdirSync(path, { mode: entry.mode });
    else if (entry.kind === 'link') symlinkSync(entry.target, path);
    else {
      if (entry.kind === 'file') writeFileSync(path, entry.content);
      else copyFileSync(entry.source, path);
      chmodSync(path, entry.mode);
    }
  }
}

function readVersion(): string {
  const text = readFileSync(join(repositoryFolder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version; // Our own package.json.
}

/** Imports archives into the containerd of the given nodes (default: all). Importing the same image again is harmless. */
export async function importImages(
  layout: ClusterLayout,
  archives: readonly string[],
  nodes: readonly NodeLayout[] = layout.nodes,
): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      for (const archive of archives) {
        const args = ['-a', containerdSocket(node), '-n', 'k8s.io', 'images', 'import', archive];
        await run('ctr', args, { timeoutMs: importTimeoutMs });
      }
    }),
  );
}

/** The image that holds a pod's namespaces open: catatonit, a static init, as `/pause`. Gives its archive. */
export async function buildPauseImage(layout: ClusterLayout): Promise<string> {
  const source = findProgram('catatonit');
  if (source === undefined) throw new Error('catatonit is not installed');
  const archive = join(layout.stateFolder, 'pause.tar');
  await writeOciArchive(archive, {
    reference: `docker.io/${pauseImage}`,
    layers: [[{ kind: 'copy', path: 'pause', mode: 0o755, source }]],
    config: { entrypoint: ['/pause', '-P'], user: '65535:65535', workingFolder: '/', environment: {}, labels: {} },
  });
  return archive;
}

async function main(): Promise<void> {
  const { values } = readScriptArguments(
    {
      call: 'node scripts/cluster/images.ts',
      does: 'Builds the images of the operator and the services as OCI archives, without Docker.',
      options: {
        output: { type: 'string', value: 'DIR', does: 'where the archives are put' },
        tag: { type: 'string', value: 'TAG', does: 'tag of the images (default: the version)' },
        folders: { type: 'string', value: 'DIR', does: 'write the files of the images there, and no archives' },
        import: { type: 'boolean', does: 'bring them into both nodes of the local cluster' },
        state: { type: 'string', value: 'DIR', does: 'of the local cluster, as for cluster:up' },
      },
    },
    process.argv.slice(2),
  );
  if (values.folders !== undefined) return writeProductFolders(values.folders, createProgress());
  const images = await buildProductImages({
    ...(values.output === undefined ? {} : { outputFolder: values.output }),
    ...(values.tag === undefined ? {} : { tag: values.tag }),
  });
  if (values.import) {
    const archives = images.map((image) => image.archive);
    await createProgress()('import into both nodes', () => importImages(layoutCluster(values.state), archives));
  }
  for (const image of images) console.log(`${image.reference} ${image.digest} ${image.archive}`);
}

if (import.meta.main) await main();
