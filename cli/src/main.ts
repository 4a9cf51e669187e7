import { HybridStoreError } from '@hybridstore/runtime';
import { Command, Option } from 'commander';
import colors from 'picocolors';
import { completion } from './commands/completion.ts';
import { type LoadFlags, load } from './commands/load.ts';
import { type QueryFlags, query } from './commands/query.ts';
import { type ApplyFlags, apply, type DeleteFlags, type GetFlags, get, remove } from './commands/resources.ts';
import { status } from './commands/status.ts';
import { dataDirDefault, type GlobalFlags, readSettings } from './config.ts';
import { Connection } from './connection.ts';

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
  .addOption(
    new Option('-o, --output <format>', 'form of what is printed').choices(['table', 'json', 'ndjson', 'csv', 'yaml']),
  );

async function run(work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = new Connection(readSettings(program.opts<GlobalFlags>()));
  try {
    await work(connection);
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${colors.red('error')}: ${describe(error)}\n`);
  } finally {
    await connection.close();
  }
}

function describe(error: unknown): string {
  if (error instanceof HybridStoreError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}

program
  .command('apply')
  .description('create or change resources from a file, a folder or standard input')
  .requiredOption('-f, --filename <path>', 'YAML or JSON; - for standard input')
  .option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
  .option('--wait', 'until every object is Ready')
  .option('--timeout <seconds>', 'for --wait', '120')
  .action((flags: ApplyFlags) => run((connection) => apply(connection, flags)));

program
  .command('get <kind> [name]')
  .description('show tenants, datasources, compactionpolicies, pods or events')
  .option('-n, --namespace <name>', '', 'default')
  .option('-A, --all-namespaces')
  .action((kind: string, name: string | undefined, flags: GetFlags) =>
    run((connection) => get(connection, kind, name, flags)),
  );

program
  .command('delete [kind] [name]')
  .description('delete a resource, or all that a file names')
  .option('-f, --filename <path>')
  .option('-n, --namespace <name>', '', 'default')
  .option('--ignore-not-found')
  .action((kind: string | undefined, name: string | undefined, flags: DeleteFlags) =>
    run((connection) => remove(connection, kind, name, flags)),
  );

program
  .command('load <file>')
  .description('append the rows of a JSON, NDJSON, CSV or Parquet file to a source')
  .option('-s, --source <id>', 'source to load into (default: the name of the file)')
  .option('--format <format>', 'json, ndjson, csv or parquet (default: by the ending)')
  .option('--batch <rows>', 'rows a request', '5000')
  .option('--parallel <requests>', 'requests at once', '4')
  .option('--load-id <id>', 'repeat a broken load with the same id: batches that were applied are not applied again')
  .action((file: string, flags: LoadFlags) => run((connection) => load(connection, file, flags)));

program
  .command('query [text]')
  .description('ask in SQL (from the argument, --file, or standard input)')
  .addOption(new Option('--dialect <name>').choices(['mysql', 'postgresql', 'duckdb']))
  .option('--dsl', 'the text is a query of the JSON DSL')
  .option('-p, --param <value...>', 'values of ? or $1, in order')
  .option('--file <path>', 'file that holds the text')
  .addOption(new Option('--consistency <level>').choices(['strict', 'committed']))
  .option('--timeout <seconds>', 'end the query after this time')
  .action((text: string | undefined, flags: QueryFlags) => run((connection) => query(connection, text, flags)));

program
  .command('token')
  .description('print a token for the tenant')
  .action(() =>
    run(async (connection) => {
      const answer = await connection.logIn();
      process.stdout.write(
        connection.settings.flags.output === 'json' ? `${JSON.stringify(answer)}\n` : `${answer.access_token}\n`,
      );
    }),
  );

program
  .command('status')
  .description('health of all services, and the sources of the tenant')
  .action(() => run(status));

program
  .command('completion')
  .description('print a completion script for bash or zsh')
  .action(() => {
    process.stdout.write(completion(program));
  });

await program.parseAsync();
