type Panel = { readonly title: string; readonly expression: string; readonly legend: string; readonly unit: string };

const panels: readonly Panel[] = [
  {
    title: 'Processes ready',
    expression: 'sum by (watched_service) (hybridstore_platform_ready)',
    legend: '{{watched_service}}',
    unit: 'none',
  },
  {
    title: 'Requests a second',
    expression: 'sum by (watched_service) (rate(hybridstore_platform_http_requests_total[1m]))',
    legend: '{{watched_service}}',
    unit: 'reqps',
  },
  {
    title: 'Errors a second',
    expression: 'sum by (watched_service) (rate(hybridstore_platform_http_requests_total{status_class="5xx"}[1m]))',
    legend: '{{watched_service}}',
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
    title: 'CPU',
    expression: 'sum by (watched_service) (rate(hybridstore_platform_cpu_seconds_total[1m]))',
    legend: '{{watched_service}}',
    unit: 'none',
  },
  {
    title: 'Resident memory',
    expression: 'sum by (watched_service) (hybridstore_platform_resident_memory_bytes)',
    legend: '{{watched_service}}',
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
