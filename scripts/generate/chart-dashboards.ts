import type { GeneratedFile } from './generated-file.ts';

/** One query of a panel; `legend` is a template of Grafana's (`{{pod}}`). */
type Query = { readonly expr: string; readonly legend: string };
/** Units as Grafana names them: `short`, `bytes`, `s`, `percentunit`, `reqps`, `cps` (a second). */
type Unit = 'short' | 'bytes' | 's' | 'percentunit' | 'reqps' | 'cps';
type Panel = { readonly title: string; readonly unit: Unit; readonly queries: readonly Query[] };
type Dashboard = {
  /** Of the file, and in Grafana's address of the dashboard. */
  readonly name: string;
  readonly title: string;
  /** Choices above the dashboard: a label, and the metric whose values of it there are. */
  readonly variables: readonly { readonly label: string; readonly metric: string }[];
  readonly panels: readonly Panel[];
};

/** Lines of one kind: most panels have one. */
function panel(title: string, unit: Unit, expr: string, legend: string): Panel {
  return { title, unit, queries: [{ expr, legend }] };
}

/** Quantiles of a histogram, in seconds. */
function quantiles(title: string, metric: string, matchers: string): Panel {
  const query = (quantile: number) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(${metric}_bucket${matchers}[$__rate_interval])))`,
    legend: `${quantile * 100} %`,
  });
  return { title, unit: 's', queries: [query(0.5), query(0.95), query(0.99)] };
}

const requests = 'hybridstore_http_request_duration_seconds';
const ofClients = 'route!~"/health|/ready|/metrics"';

const platform: Dashboard = {
  name: 'platform',
  title: 'HybridStore / Platform',
  variables: [{ label: 'namespace', metric: 'hybridstore_gateway_logins_total' }],
  panels: [
    panel(
      'Processes not ready',
      'short',
      'hybridstore_platform_processes - hybridstore_platform_ready',
      '{{watched_service}}',
    ),
    panel('Processes that answer', 'short', 'sum by (job) (up{job=~"hybridstore/.+"})', '{{job}}'),
    panel(
      'Requests',
      'reqps',
      `sum by (job) (rate(${requests}_count{job=~"hybridstore/.+", ${ofClients}}[$__rate_interval]))`,
      '{{job}}',
    ),
    panel(
      'Share of failed requests',
      'percentunit',
      `sum by (job) (rate(${requests}_count{status=~"5..", ${ofClients}}[$__rate_interval])) / sum by (job) (rate(${requests}_count{${ofClients}}[$__rate_interval]))`,
      '{{job}}',
    ),
    panel(
      'Share of requests refused as too many',
      'percentunit',
      `sum by (job) (rate(${requests}_count{status="429"}[$__rate_interval])) / sum by (job) (rate(${requests}_count{${ofClients}}[$__rate_interval]))`,
      '{{job}}',
    ),
    panel(
      'Latency, 95 %',
      's',
      `histogram_quantile(0.95, sum by (job, le) (rate(${requests}_bucket{${ofClients}}[$__rate_interval])))`,
      '{{job}}',
    ),
    panel(
      'Queries by outcome',
      'cps',
      'sum by (outcome) (rate(hybridstore_queries_total{namespace="$namespace"}[$__rate_interval]))',
      '{{outcome}}',
    ),
    panel(
      'Time of a query by stage, 95 %',
      's',
      'histogram_quantile(0.95, sum by (stage, le) (rate(hybridstore_query_stage_seconds_bucket{namespace="$namespace"}[$__rate_interval])))',
      '{{stage}}',
    ),
    panel(
      'Rows acknowledged',
      'cps',
      'sum by (tenant) (rate(hybridstore_engine_appended_rows_total[$__rate_interval]))',
      '{{tenant}}',
    ),
    panel('Rows not committed yet', 'short', 'sum by (tenant) (hybridstore_engine_unflushed_rows)', '{{tenant}}'),
    panel(
      'Calls that the gateway could not forward',
      'cps',
      'sum by (upstream, reason) (rate(hybridstore_gateway_upstream_failures_total{namespace="$namespace"}[$__rate_interval]))',
      '{{upstream}} {{reason}}',
    ),
    panel(
      'Attempts to log in',
      'cps',
      'sum by (result) (rate(hybridstore_gateway_logins_total{namespace="$namespace"}[$__rate_interval]))',
      '{{result}}',
    ),
    panel(
      'Commit notices that the catalog took',
      'cps',
      'sum by (decision) (rate(hybridstore_catalog_commit_notices_total{namespace="$namespace"}[$__rate_interval]))',
      '{{decision}}',
    ),
    panel(
      'Compactions',
      'cps',
      'sum by (state) (rate(hybridstore_catalog_compactions_total{namespace="$namespace"}[$__rate_interval]))',
      '{{state}}',
    ),
    panel(
      'Free share of the volumes',
      'percentunit',
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim=~"(log-)?hs-.+"} / kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~"(log-)?hs-.+"}',
      '{{namespace}}/{{persistentvolumeclaim}}',
    ),
    panel('Resident memory', 'bytes', 'process_resident_memory_bytes{job=~"hybridstore/.+"}', '{{pod}}'),
    panel('Event loop at work', 'percentunit', 'nodejs_eventloop_utilization_ratio{job=~"hybridstore/.+"}', '{{pod}}'),
    panel('Age of the list of revoked tokens', 's', 'hybridstore_revocations_age_seconds', '{{pod}}'),
  ],
};

const ofTenant = '{tenant="$tenant"}';
const ofNodes = '{job="hybridstore/tenant-node", tenant="$tenant"}';

const tenant: Dashboard = {
  name: 'tenant',
  title: 'HybridStore / Tenant',
  variables: [{ label: 'tenant', metric: 'hybridstore_engine_unflushed_rows' }],
  panels: [
    {
      title: 'Nodes',
      unit: 'short',
      queries: [
        { expr: `sum(up${ofNodes})`, legend: 'answering' },
        { expr: `max(hybridstore_tenant_wanted_nodes${ofTenant})`, legend: 'wanted by the autoscaler' },
      ],
    },
    panel('Sources whose last flush failed', 'short', `hybridstore_engine_flushes_failing${ofTenant}`, '{{pod}}'),
    {
      title: 'Damage',
      unit: 'short',
      queries: [
        { expr: `max(hybridstore_engine_damaged_objects${ofTenant})`, legend: 'of tables' },
        { expr: `hybridstore_engine_log_damages${ofTenant}`, legend: 'of the log of {{pod}}' },
      ],
    },
    panel(
      'Rows acknowledged',
      'cps',
      `rate(hybridstore_engine_appended_rows_total${ofTenant}[$__rate_interval])`,
      '{{pod}}',
    ),
    panel(
      'Rows committed',
      'cps',
      `rate(hybridstore_engine_flushed_rows_total${ofTenant}[$__rate_interval])`,
      '{{pod}}',
    ),
    panel('Rows not committed yet', 'short', `hybridstore_engine_unflushed_rows${ofTenant}`, '{{pod}}'),
    panel('Size of the log', 'bytes', `hybridstore_engine_log_bytes${ofTenant}`, '{{pod}}'),
    quantiles('Write and sync of one group of frames', 'hybridstore_engine_log_group_seconds', ofTenant),
    quantiles('From taking rows to their commit', 'hybridstore_engine_flush_seconds', ofTenant),
    quantiles('Requests', requests, `{job="hybridstore/tenant-node", tenant="$tenant", ${ofClients}}`),
    panel(
      'Requests by status',
      'reqps',
      `sum by (status) (rate(${requests}_count{job="hybridstore/tenant-node", tenant="$tenant", ${ofClients}}[$__rate_interval]))`,
      '{{status}}',
    ),
    {
      title: 'Queries',
      unit: 'short',
      queries: [
        { expr: `sum(hybridstore_queries_running${ofNodes})`, legend: 'running' },
        { expr: `sum(hybridstore_queries_waiting${ofNodes})`, legend: 'waiting' },
      ],
    },
    quantiles('Wait of a query for its turn', 'hybridstore_query_wait_seconds', ofTenant),
    panel('Processors', 'short', `rate(hybridstore_node_cpu_seconds_total${ofTenant}[$__rate_interval])`, '{{pod}}'),
    panel('Memory with child processes', 'bytes', `hybridstore_node_memory_bytes${ofTenant}`, '{{pod}}'),
    panel(
      'Commits that another writer was faster with',
      'cps',
      `rate(hybridstore_engine_commit_conflicts_total${ofTenant}[$__rate_interval])`,
      '{{pod}}',
    ),
    panel(
      'Bytes compared with their checksums',
      'bytes',
      `increase(hybridstore_engine_scrubbed_bytes_total${ofTenant}[1h])`,
      '{{pod}}, in an hour',
    ),
  ],
};

const operator: Dashboard = {
  name: 'operator',
  title: 'HybridStore / Operator',
  variables: [{ label: 'namespace', metric: 'hybridstore_shared_services_unready' }],
  panels: [
    panel(
      'Leader',
      'short',
      'leader_election_master_status{job="hybridstore/operator", namespace="$namespace"}',
      '{{pod}}',
    ),
    panel(
      'Shared services without all their pods',
      'short',
      'max(hybridstore_shared_services_unready{namespace="$namespace"})',
      'not ready',
    ),
    panel(
      'Passes by result',
      'cps',
      'sum by (controller, result) (rate(controller_runtime_reconcile_total{job="hybridstore/operator", namespace="$namespace"}[$__rate_interval]))',
      '{{controller}} {{result}}',
    ),
    panel(
      'Time of a pass, 95 %',
      's',
      'histogram_quantile(0.95, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket{job="hybridstore/operator", namespace="$namespace"}[$__rate_interval])))',
      '{{controller}}',
    ),
    panel(
      'Objects that wait for a pass',
      'short',
      'workqueue_depth{job="hybridstore/operator", namespace="$namespace"}',
      '{{controller}}',
    ),
    panel(
      'Time that objects wait for a pass, 95 %',
      's',
      'histogram_quantile(0.95, sum by (controller, le) (rate(workqueue_queue_duration_seconds_bucket{job="hybridstore/operator", namespace="$namespace"}[$__rate_interval])))',
      '{{controller}}',
    ),
    panel(
      'Longest pass that still runs',
      's',
      'max by (controller) (workqueue_longest_running_processor_seconds{job="hybridstore/operator", namespace="$namespace"})',
      '{{controller}}',
    ),
    panel(
      'Requests to the API server',
      'reqps',
      'sum by (method, code) (rate(rest_client_requests_total{job="hybridstore/operator", namespace="$namespace"}[$__rate_interval]))',
      '{{method}} {{code}}',
    ),
    panel(
      'Passes that failed and are tried again',
      'cps',
      'sum by (controller, code) (rate(hybridstore_controller_retries_total{namespace="$namespace"}[$__rate_interval]))',
      '{{controller}} {{code}}',
    ),
    panel(
      'Watches that began anew',
      'cps',
      'sum by (resource, reason) (rate(hybridstore_controller_watch_restarts_total{namespace="$namespace"}[$__rate_interval]))',
      '{{resource}} {{reason}}',
    ),
    panel(
      'Nodes that the autoscaler wants',
      'short',
      'max by (tenant) (hybridstore_tenant_wanted_nodes{namespace="$namespace"})',
      '{{tenant}}',
    ),
    panel(
      'Tenants at their largest size that ask for more',
      'short',
      'max by (tenant) (hybridstore_tenant_at_max_replicas{namespace="$namespace"}) == 1',
      '{{tenant}}',
    ),
    panel(
      'Tenants that wait to follow the platform',
      'short',
      'max by (tenant) (hybridstore_tenant_rollout_queued{namespace="$namespace"}) == 1',
      '{{tenant}}',
    ),
    panel(
      'Scaling decisions',
      'cps',
      'sum by (reason) (rate(hybridstore_scaling_decisions_total{namespace="$namespace"}[$__rate_interval]))',
      '{{reason}}',
    ),
    panel(
      'Resident memory',
      'bytes',
      'process_resident_memory_bytes{job="hybridstore/operator", namespace="$namespace"}',
      '{{pod}}',
    ),
    panel(
      'Processors',
      'short',
      'rate(process_cpu_seconds_total{job="hybridstore/operator", namespace="$namespace"}[$__rate_interval])',
      '{{pod}}',
    ),
  ],
};

/** Grafana's grid is 24 wide: three panels in a row. */
const width = 8;
const height = 7;
const perRow = 3;
const datasource = { type: 'prometheus', uid: '$datasource' };

/** Dashboards of the chart, as Grafana's sidecar takes them in. Pure. */
export function renderDashboardFiles(): readonly GeneratedFile[] {
  return [platform, tenant, operator].map((dashboard) => ({
    path: `charts/hybridstore/files/dashboards/${dashboard.name}.json`,
    text: `${JSON.stringify(renderDashboard(dashboard), undefined, 1)}\n`,
  }));
}

function renderDashboard({ name, title, variables, panels }: Dashboard): object {
  return {
    uid: `hybridstore-${name}`,
    title,
    tags: ['hybridstore'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...variables.map(renderVariable),
      ],
    },
    panels: panels.map(renderPanel),
  };
}

function renderVariable({ label, metric }: Dashboard['variables'][number]): object {
  return {
    name: label,
    label,
    type: 'query',
    datasource,
    query: `label_values(${metric}, ${label})`,
    refresh: 2,
    sort: 1,
  };
}

function renderPanel({ title, unit, queries }: Panel, index: number): object {
  return {
    id: index + 1,
    title,
    type: 'timeseries',
    datasource,
    gridPos: { x: (index % perRow) * width, y: Math.floor(index / perRow) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: queries.map(({ expr, legend }, place) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + place),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
