import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { answerFormats, fileEndings } from './answer/choose-format.ts';
import {
  type CheckFlags,
  checkFolders,
  checkRunning,
  namesFolders,
  type RepairFlags,
  repairFolders,
} from './commands/admin.ts';
import { type ApplyFlags, apply } from './commands/apply.ts';
import { completion, printSources, type Shell, shells } from './commands/completion.ts';
import { type DeleteFlags, remove } from './commands/delete.ts';
import { type GetFlags, get, getFormats } from './commands/get.ts';
import { type LoadFlags, load, parallelMax, rejectedRowsMax, rowsPerBatchMax } from './commands/load.ts';
import { type MembersFlags, members } from './commands/members.ts';
import {
  consistencies,
  consistencyForm,
  dialects,
  isConsistency,
  type QueryFlags,
  query,
  querySecondsMax,
} from './commands/query.ts';
import { type StatusFlags, status } from './commands/status.ts';
import { type TokenFlags, token } from './commands/token.ts';
import { dataDirDefault, type GlobalFlags, readSettings } from './config.ts';
import { Connection } from './connection.ts';
import { type Io, paintFor } from './io.ts';
import { epochUnits } from './load/prepare-row.ts';
import { formats } from './load/read-file.ts';
import { nanosecondRules } from './load/reading-flags.ts';
import { encodings } from './load/row.ts';
import { formatErrorLine } from './output/error-line.ts';
import { kindNames } from './resources/kind-names.ts';
import { waitSecondsDefault, waitSecondsMax } from './resources/wait.ts';
import { isUsageError } from './usage-error.ts';

/** 0: done. 1: the platform refused or could not. 2: the command line is wrong. 130: interrupted. */
export const exitCodes: Readonly<Record<'done' | 'failed' | 'usage' | 'interrupted', number>> = {
  done: 0,
  failed: 1,
  usage: 2,
  interrupted: 130,
};

type Work = (connection: Connection) => Promise<void>;
/** `endsItself`: the command ends soon and in good order when the user interrupts; any other is left where it is. */
type Run = (work: Work, options?: { readonly endsItself?: boolean }) => Promise<void>;

/** Runs one command to its end and gives the exit code. Errors are one line on `io.stderr`; it never throws. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io, async (work, { endsItself = false } = {}) => {
    const connection = new Connection(readSettings(program.opts<GlobalFlags>(), io.variables));
    try {
      await (endsItself ? work(connection) : Promise.race([work(connection), untilInterrupted(io.signal)]));
    } finally {
      await connection.close();
    }
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return io.signal.aborted ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    return report(error, program, io);
  }
}

function untilInterrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('interrupted')), { once: true });
  });
}

function report(error: unknown, program: Command, io: Io): number {
  // The reader of the pipe has what it wanted (`| head`).
  if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return exitCodes.done;
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
  if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
  const isUsage = error instanceof CommanderError || isUsageError(error);
  const line = formatErrorLine(error)
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  const help = isUsage && !line.endsWith('?)') ? ` (see ${helpOf(program)})` : '';
  io.stderr.write(`${paintFor(io.stderr, io.variables).red('error')}: ${line}${help}\n`);
  return io.signal.aborted ? exitCodes.interrupted : isUsage ? exitCodes.usage : exitCodes.failed;
}

function helpOf(program: Command): string {
  const [name] = program.args;
  const isKnown = program.commands.some((command) => command.name() === name);
  return isKnown ? `hybridstore ${name} --help` : 'hybridstore --help';
}

function buildProgram(io: Io, run: Run): Command {
  const program = new Command('hybridstore')
    .description('Talk to a HybridStore platform: the embedded one of npm start, or a cluster named by KUBECONFIG')
    .version('0.1.0')
    .option(
      '--data-dir <folder>',
      `data folder of the embedded platform (default: ${dataDirDefault}; HYBRIDSTORE_DATA_DIR)`,
    )
    .option('--kubeconfig <file>', 'cluster to talk to (KUBECONFIG)')
    .option('--gateway <url>', 'address of the gateway (HYBRIDSTORE_GATEWAY; else found or forwarded)')
    .option('-t, --tenant <namespace/name>', 'tenant to work in (HYBRIDSTORE_TENANT; else the only one)')
    .option('--token <token>', 'token or API key (HYBRIDSTORE_TOKEN; else a log-in as the administrator)')
    .option('--username <name>', 'log in as this user instead of the administrator')
    .option('--password-file <file>', 'file with the password of --username')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // Errors are written once, by `report`.
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or failed, 2 wrong command line, 130 interrupted (143 by SIGTERM).',
    );
  addResourceCommands(program, io, run);
  addDataCommands(program, io, run);
  addOtherCommands(program, io, run);
  addAdminCommands(program, io, run);
  return program;
}

type Adder = (program: Command, io: Io, run: Run) => void;

const addResourceCommands: Adder = (program, io, run) => {
  program
    .command('apply')
    .description('create or change resources from files, folders or standard input')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON of one or more objects; a folder; - for standard input')
    .addOption(namespaceOption('namespace of objects that name none'))
    .option('--dry-run', 'have everything checked by the API server and nothing stored')
    .option('--force-conflicts', 'take over fields that somebody else has set')
    .addOption(new Option('--wait', 'until every object is Ready').conflicts('dryRun'))
    .addOption(waitTimeoutOption())
    .action((flags: ApplyFlags) => run((connection) => apply(connection, flags, io)));

  program
    .command('get')
    .argument('<kind>', kindNames.join(', '))
    .argument('[names...]', 'these only')
    .description(`show ${kindNames.join(', ')}`)
    .addOption(namespaceOption('namespace to look in'))
    .option('-A, --all-namespaces', 'look in all namespaces')
    .option('-l, --selector <labels>', 'only objects with these labels, as key=value,…')
    .option('-w, --watch', 'show each object again when it changes')
    .addOption(choice('-o, --output <format>', 'form of what is printed', getFormats, 'table'))
    .action((kind: string, names: string[], flags: GetFlags) =>
      run((connection) => get(connection, kind, names, flags, io), { endsItself: true }),
    );

  program
    .command('delete')
    .argument('[kind]', kindNames.join(', '))
    .argument('[names...]', 'what to delete')
    .description('delete resources by name, or all that files name')
    .option('-f, --filename <path...>', 'file, folder, or - for standard input')
    .addOption(namespaceOption('namespace of objects that name none'))
    .option('--ignore-not-found', 'take what is gone already for deleted')
    .option('--wait', 'until they are gone')
    .addOption(waitTimeoutOption())
    .action((kind: string | undefined, names: string[], flags: DeleteFlags) =>
      run((connection) => remove(connection, kind, names, flags, io)),
    );
};

const addDataCommands: Adder = (program, io, run) => {
  program
    .command('load')
    .argument('<files...>', `${formats.join(', ')}, also as .gz and .zst; patterns; - for standard input`)
    .description('append the rows of JSON, NDJSON, CSV, Parquet or Arrow files to a source')
    .option('-s, --source <id>', 'source to load into (default: the name of the file)')
    .addOption(choice('--format <format>', 'format of the files (default: by their endings)', formats))
    .option('--create', 'make the source when it is not there, with columns for the first rows, and show them first')
    .option('--dry-run', 'for --create: show the columns, make and load nothing')
    .option('--delimiter <character>', 'between the columns of CSV; or tab (default: what the header shows)')
    .option('--quote <character>', 'around values of CSV; or none (default: ")')
    .addOption(repeated('--null <text>', 'a value of CSV that means null; repeat it for more'))
    .option('--encoding <name>', `of text: ${encodings.join(', ')} (default: utf-8, or by the byte order mark)`)
    .option('--decimal-comma', 'numbers of CSV are written like 1.234,5')
    .option('--timestamp-format <format>', 'of dates and times, like %d.%m.%Y %H:%M:%S')
    .addOption(choice('--epoch <unit>', 'what numbers in date and timestamp columns count since 1970', epochUnits))
    .addOption(
      choice(
        '--nanoseconds <rule>',
        'timestamps finer than a microsecond (default: truncate, and say so)',
        nanosecondRules,
      ),
    )
    .addOption(count('--batch <rows>', 'rows a request; repeat a broken load with the same', 5_000, rowsPerBatchMax))
    .addOption(count('--parallel <requests>', 'requests at once', 4, parallelMax))
    .addOption(
      count('--rejected-max <rows>', 'rows that may be left out before the load ends', 100, rejectedRowsMax, 0),
    )
    .option('--load-id <id>', 'batches of one id are applied once (default: made from the content of the file)')
    .addHelpText(
      'after',
      '\nA load that broke off is repeated with the same command. No row is loaded twice while the nodes keep their logs (24 hours by default).',
    )
    .action((files: string[], flags: LoadFlags) =>
      run((connection) => load(connection, files, flags, io), { endsItself: true }),
    );

  program
    .command('query')
    .argument('[text]', 'the query; - for standard input')
    .description('ask in SQL (from the argument, --file, or standard input)')
    .addOption(choice('-o, --format <format>', 'form of the answer (default: table)', answerFormats))
    .option('--to <file>', `write the answer into a file: ${fileEndings.map((ending) => `.${ending}`).join(', ')}`)
    .option('--null-text <text>', 'what stands for null (default: null; of CSV nothing)')
    .option('--no-truncate', 'show long values of a table whole')
    .addOption(choice('--dialect <name>', 'dialect of the SQL (default: the platform’s)', dialects))
    .option('--dsl', 'the text is a query of the JSON DSL')
    .addOption(repeated('-p, --param <value>', 'value of a ? or $1; repeat it for the next'))
    .option('--file <path>', 'file that holds the text')
    .addOption(
      choice(
        '--consistency <level>',
        'every acknowledged row, the last commit, or so much behind where nodes are away (default: strict)',
        consistencies,
      ).argParser(readConsistency),
    )
    .addOption(count('--timeout <seconds>', 'end the query after this time', undefined, querySecondsMax))
    .action((text: string | undefined, flags: QueryFlags) => run((connection) => query(connection, text, flags, io)));
};

const addOtherCommands: Adder = (program, io, run) => {
  program
    .command('token')
    .description('print a token for the tenant')
    .addOption(choice('-o, --output <format>', 'the token alone, or all about it', ['table', 'json'], 'table'))
    .action((flags: TokenFlags) => run((connection) => token(connection, flags, io)));

  program
    .command('status')
    .description('health of all services, and the sources of the tenant')
    .addOption(choice('-o, --output <format>', 'form of what is printed', ['table', 'json'], 'table'))
    .action((flags: StatusFlags) => run((connection) => status(connection, flags, io)));

  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell it is for').choices([...shells, 'sources']))
    .description('print a completion script for bash, zsh or fish; or the sources, as the scripts ask for them')
    .action((shell: Shell | 'sources') =>
      shell === 'sources'
        ? run((connection) => printSources(connection, io))
        : void io.stdout.write(completion(program, shell)),
    );
};

const addAdminCommands: Adder = (program, io, run) => {
  const admin = program
    .command('admin')
    .description('look for damage in what is stored, repair what can be, and list the nodes');
  const dataDir = () => program.opts<GlobalFlags>().dataDir;
  addPartOptions(
    admin
      .command('check')
      .description(
        'read everything of a data folder (--data-dir), of single parts, or of a running platform as far as the caller may see it; change nothing, and say what is damaged',
      ),
  )
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing is damaged, 1 something is or could not be checked, 2 wrong command line or not readable.',
    )
    .action((flags: CheckFlags) =>
      namesFolders(dataDir(), flags)
        ? checkFolders(dataDir(), flags, io)
        : run((connection) => checkRunning(connection, flags, io)),
    );
  addPartOptions(
    admin
      .command('repair')
      .description(
        'say what can be done about damage, and with --yes do it; what is damaged is moved aside, never deleted',
      ),
  )
    .option('--yes', 'do what is said')
    .option('--drop-damaged-files', 'give up the rows of damaged files, so that all others can be read again')
    .option('--reset-users', 'begin without any user, grant and API key when their database is damaged')
    .action((flags: RepairFlags) => repairFolders(dataDir(), flags, io));
  admin
    .command('members')
    .description('nodes of the tenant, which of them are away, and how many rows each has not flushed')
    .addOption(choice('-o, --output <format>', 'form of what is printed', ['table', 'json'], 'table'))
    .addHelpText(
      'after',
      '\nExit codes: 0 listed, also when a node is away; 1 refused or not reached; 2 wrong command line.',
    )
    .action((flags: MembersFlags) => run((connection) => members(connection, flags, io)));
};

function addPartOptions(command: Command): Command {
  return command
    .option('--tables <folder...>', 'data volume of a tenant, alone')
    .option('--log <folder...>', 'log volume of a node, alone')
    .option('--users <file...>', 'database of the gateway, alone')
    .option('--catalog <file...>', 'database of the catalog, alone')
    .option('--logs <file...>', 'database of monitoring, alone')
    .addOption(choice('-o, --output <format>', 'form of what is printed', ['table', 'json'], 'table'))
    .option('--json', 'the same as -o json');
}

function namespaceOption(description: string): Option {
  return new Option('-n, --namespace <name>', description).default('default');
}

function waitTimeoutOption(): Option {
  return count('--timeout <seconds>', 'for --wait', waitSecondsDefault, waitSecondsMax);
}

function choice(flags: string, description: string, choices: readonly string[], standard?: string): Option {
  const option = new Option(flags, description).choices(choices);
  return standard === undefined ? option : option.default(standard);
}

function readConsistency(text: string): QueryFlags['consistency'] {
  if (isConsistency(text)) return text;
  throw new InvalidArgumentError(`Expected ${consistencyForm}.`);
}

function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
}

function count(flags: string, description: string, standard: number | undefined, max: number, min = 1): Option {
  const option = new Option(flags, description).argParser((text: string) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}.`);
    return value;
  });
  return standard === undefined ? option : option.default(standard);
}
