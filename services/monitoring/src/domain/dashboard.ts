type Panel = { readonly title: string; readonly expression: string; readonly legend: string; readonly unit: string };

const panels: readonly Panel[] = [
  {
    title: 'Processes up',
    expression: 'sum by (watched_service) (hybridstore_up)',
    legend: '{{watched_service}}',
    unit: 'none',
  },
  {
    title: 'Requests a second',
    expression: 'sum by (service) (rate(hybridstore_http_request_duration_seconds_count[1m]))',
    legend: '{{service}}',
    unit: 'reqps',
  },
  {
    title: 'Errors a second',
    expression: 'sum by (service, status) (rate(hybridstore_http_request_duration_seconds_count{status=~"5.."}[1m]))',
    legend: '{{service}} {{status}}',
    unit: 'reqps',
  },
  {
    title: 'Latency, 99th percentile',
    expression:
      'histogram_quantile(0.99, sum by (service, le) (rate(hybridstore_http_request_duration_seconds_bucket[5m])))',
    legend: '{{service}}',
    unit: 's',
  },
  {
    title: 'CPU of tenant nodes',
    expression: 'sum by (instance) (rate(hybridstore_node_cpu_seconds_total[1m]))',
    legend: '{{instance}}',
    unit: 'none',
  },
  {
    title: 'Resident memory',
    expression: 'sum by (service) (process_resident_memory_bytes)',
    legend: '{{service}}',
    unit: 'bytes',
  },
];

/** A dashboard that Grafana imports as it is; the data source is asked for at import. */
export function buildDashboard(): Readonly<Record<string, unknown>> {
  return {
    title: 'HybridStore',
    uid: 'hybridstore',
    schemaVersion: 39,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    __inputs: [{ name: 'DS_PROMETHEUS', label: 'Prometheus', type: 'datasource', pluginId: 'prometheus' }],
    panels: panels.map(buildPanel),
  };
}

function buildPanel(panel: Panel, index: number): object {
  return {
    id: index + 1,
    type: 'timeseries',
    title: panel.title,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is Grafana's
    datasource: { type: 'prometheus', uid: '${DS_PROMETHEUS}' },
    gridPos: { x: (index % 2) * 12, y: Math.floor(index / 2) * 8, w: 12, h: 8 },
    fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
    targets: [{ refId: 'A', expr: panel.expression, legendFormat: panel.legend }],
  };
}
