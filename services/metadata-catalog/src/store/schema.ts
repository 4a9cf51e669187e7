const createTables = `
create table tenants (
  tenant_id text primary key,
  node_url text not null,
  last_refresh_at_ms integer
) strict;
create table sources (
  table_id integer primary key,
  tenant_id text not null,
  source_id text not null,
  definition text not null,
  columns text not null,
  schema_version integer not null,
  table_version integer,
  is_declared integer not null,
  rows integer not null,
  bytes integer not null,
  files integer not null,
  unflushed_rows text not null,
  last_commit_at text,
  last_compaction_at text,
  updated_at_ms integer not null,
  unique (tenant_id, source_id)
) strict;
create table schema_versions (
  table_id integer not null references sources on delete cascade,
  schema_version integer not null,
  columns text not null,
  seen_at_ms integer not null,
  primary key (table_id, schema_version)
) strict, without rowid;
create table snapshots (
  table_id integer not null references sources on delete cascade,
  table_version integer not null,
  committed_at text,
  rows integer not null,
  bytes integer not null,
  files integer not null,
  primary key (table_id, table_version)
) strict, without rowid;
create table files (
  table_id integer not null references sources on delete cascade,
  path text not null,
  bytes integer not null,
  rows integer not null,
  partition text not null,
  columns text not null,
  modified_at integer not null,
  unique (table_id, path)
) strict;
create table policies (policy_id text primary key, tenant_id text not null, definition text not null) strict;
create index policies_by_tenant on policies (tenant_id);
create table policy_states (
  policy_id text primary key,
  last_run_at_ms integer,
  next_run_at_ms integer,
  decided_at_ms integer not null,
  last_results text not null
) strict;
create table compaction_runs (
  run_id integer primary key,
  tenant_id text not null,
  source_id text not null,
  policy_id text not null,
  started_at_ms integer not null,
  ended_at_ms integer not null,
  state text not null,
  result text not null
) strict;
create index compaction_runs_by_source on compaction_runs (tenant_id, source_id, state);
`;

/** One statement list a version, see `openCheckedDatabase`. The second brings the ledger only. */
export const migrations: readonly string[] = [createTables, 'select 2'];
