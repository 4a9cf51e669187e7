import { renameSync } from 'node:fs';
import { findProgram } from './prerequisites.ts';
import { run } from './run.ts';

/**
 * Builds of Go programs. How long one takes depends on the machine, so none is ended while it goes on: only a silence is
 * bounded, in which not one package was finished. The longest silence is the linking of Kubernetes at the end.
 */
const silenceMsMax = 60 * 60_000;

export type GoProgram = {
  /** Folder with go.mod, go.sum and, where it is a program of ours, main.go. */
  readonly folder: string;
  /** What is built there: `.`, or a main package of a module that go.mod pins. */
  readonly mainPackage: string;
  readonly linkerFlags: string;
};

/** Import path of a package that has to be compiled → the module that it is of. */
export type StalePackages = ReadonlyMap<string, string>;

/** Builds beside the target and renames, so that a build that was cut off is never taken for a finished one. */
export async function buildGo(program: GoProgram, target: string, report: (doing: string) => void): Promise<void> {
  const go = findProgram('go') ?? findProgram('/usr/local/go/bin/go');
  if (go === undefined) throw new Error('building the cluster needs Go 1.26 or newer (https://go.dev/dl) on PATH');
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', `-ldflags=${program.linkerFlags}`];
  const options = { cwd: program.folder, env: { ...process.env, CGO_ENABLED: '0' }, silenceMs: silenceMsMax };
  const reader = new BuildReader();
  const onOutput = (text: string) => {
    for (const doing of reader.read(text)) report(doing);
  };
  report('modules');
  const list = await run(go, ['list', ...flags, '-deps', '-f', staleFormat, program.mainPackage], {
    ...options,
    onOutput,
  });
  reader.expect(parseStalePackages(list));
  const output = `${target}.building`;
  await run(go, ['build', ...flags, '-v', '-o', output, program.mainPackage], { ...options, onOutput });
  renameSync(output, target);
}

const staleFormat = '{{if .Stale}}{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}{{end}}';

/** What `go list` printed: a line for each package that has to be compiled; one of Go's own has no module. */
export function parseStalePackages(text: string): StalePackages {
  return new Map(
    text
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([path = '']) => path !== '')
      .map(([path = '', module = '']) => [path, module === '' ? 'Go itself' : module]),
  );
}

/** A line is cut here: what a compiler prints of a failure may be long. */
const lineCharsMax = 10_000;

/** Says in words what the output of `go list` and `go build -v` means; it comes in pieces that end anywhere. */
export class BuildReader {
  #stale: StalePackages = new Map();
  #rest = '';
  readonly #begun = new Set<string>();

  expect(stale: StalePackages): void {
    this.#stale = stale;
    this.#rest = '';
  }

  read(text: string): readonly string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, lineCharsMax);
    return lines.flatMap((line) => this.#describe(line));
  }

  #describe(line: string): readonly string[] {
    const [, module] = /^go: downloading (\S+ \S+)$/.exec(line) ?? [];
    if (module !== undefined) return [`downloads ${module}`];
    const ofModule = this.#stale.get(line);
    if (ofModule === undefined) return [];
    this.#begun.add(line);
    return [`${ofModule}, package ${this.#begun.size} of ${this.#stale.size}`];
  }
}
