import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { keepsState } from '../../operator/src/resources/deployment.ts';
import { sharedServiceNames, stateClaimName, tenantNames } from '../../operator/src/resources/names.ts';
import { collectExported } from './exported-metrics.ts';
import { headingsOf } from './headings.ts';
import { readExpression } from './promql.ts';

/*
 * Alerts and dashboards of the chart name figures by text, and Prometheus answers nothing to a name that nobody exports: an
 * alert that can never fire looks like one that has no reason to. So each name, and each label, is held against the
 * registries of the processes.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = join(root, 'charts', 'hybridstore', 'files');
const exported = collectExported();

type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
};
type Groups = { readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[] };
type Panel = {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number };
  readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
};
type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
  readonly panels: readonly Panel[];
};
type UnitTests = {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: readonly object[] }[];
  }[];
};

const { groups } = parse(readFileSync(join(files, 'alerts.yaml'), 'utf8')) as Groups;
const alerts = groups.flatMap(({ rules }) => rules);
const dashboards = globSync('*.json', { cwd: join(files, 'dashboards') }).map((file) => ({
  file,
  dashboard: JSON.parse(readFileSync(join(files, 'dashboards', file), 'utf8')) as Dashboard,
}));

/** What an expression names and nobody exports: metrics, and labels of metrics. */
function findUnknown(expression: string): readonly string[] {
  const { selectors, grouped } = readExpression(expression);
  assert.ok(selectors.length > 0, expression);
  const known = selectors.flatMap(({ metric }) => [...(exported.get(metric) ?? [])]);
  return [
    ...selectors.flatMap(({ metric, labels }) => {
      const own = exported.get(metric);
      return own === undefined
        ? [metric]
        : labels.filter((label) => !own.has(label)).map((label) => `${metric}{${label}}`);
    }),
    ...grouped.filter((label) => !known.includes(label)).map((label) => `by ${label}`),
  ];
}

describe('what finds unknown figures', () => {
  const cases: readonly (readonly [expression: string, unknown: readonly string[]])[] = [
    ['hybridstore_engine_flushes_failing > 0', []],
    ['hybridstore_engine_flush_failing > 0', ['hybridstore_engine_flush_failing']],
    ['sum by (tenant) (rate(hybridstore_engine_flush_seconds_count{pod="a b{c}"}[5m]))', []],
    ['rate(hybridstore_engine_flush_seconds[5m])', ['hybridstore_engine_flush_seconds']],
    ['hybridstore_queries_total{outcom="ok"}', ['hybridstore_queries_total{outcom}']],
    ['hybridstore_gateway_logins_total{tenant="a"}', ['hybridstore_gateway_logins_total{tenant}']],
    ['sum by (route) (up{job=~"x"}) unless on (le) vector(1)', ['by route', 'by le']],
    ['up and on (job) (nodejs_heap_size == 1)', ['nodejs_heap_size']],
  ];
  for (const [expression, unknown] of cases)
    it(`finds ${unknown.join(', ') || 'nothing'} in ${expression}`, () => {
      assert.deepEqual(findUnknown(expression), unknown);
    });
});

describe('the alerts of the chart', () => {
  it('have names of their own', () => {
    const names = alerts.map(({ alert }) => alert);
    assert.ok(names.length > 20);
    assert.deepEqual([...new Set(names)], names);
  });

  for (const { alert, expr, labels, annotations } of alerts)
    describe(alert, () => {
      it('reads figures that are exported', () => {
        assert.deepEqual(findUnknown(expr), []);
      });

      it('says how bad it is, what is wrong, and where the runbook is', () => {
        assert.ok(['critical', 'warning'].includes(labels.severity), labels.severity);
        assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook_url']);
        for (const text of Object.values(annotations)) assert.match(text, /\S/);
      });

      it('speaks of labels that its figures have', () => {
        const known = readExpression(expr).selectors.flatMap(({ metric }) => [...(exported.get(metric) ?? [])]);
        const named = [
          ...Object.values(annotations)
            .join(' ')
            .matchAll(/\$labels\.(\w+)/g),
        ].map(([, label]) => label);
        assert.deepEqual(
          named.filter((label) => !known.includes(label ?? '')),
          [],
        );
      });

      it('has its place in a runbook', () => {
        const [page = '', anchor = ''] = (annotations['runbook_url'] ?? '').split('#');
        assert.match(page, /^docs\/operating\/runbooks\/[a-z-]+\.md$/);
        assert.equal(anchor, alert.toLowerCase());
        assert.ok(
          headingsOf(readFileSync(join(root, page), 'utf8')).includes(alert),
          `${page} has no heading ${alert}`,
        );
      });
    });

  it('speak of the volumes that the operator makes claims for, and of no others', () => {
    const { dataClaim, logClaim } = tenantNames('acme');
    const states = sharedServiceNames.filter(keepsState).map(stateClaimName);
    const spoken: Readonly<Record<string, readonly string[]>> = {
      HybridStoreLogVolumeFull: [logClaim(0)],
      HybridStoreVolumeNearlyFull: [logClaim(0), dataClaim, ...states],
    };
    for (const { alert, expr } of alerts.filter((one) => one.expr.includes('kubelet_volume_stats'))) {
      const patterns = [...expr.matchAll(/persistentvolumeclaim=~"([^"]+)"/g)].map(
        ([, text]) => new RegExp(`^(?:${text})$`),
      );
      assert.equal(patterns.length, 2, alert);
      const claims = [logClaim(0), dataClaim, ...states, 'data-postgres-0', 'logs', 'grafana-state'];
      for (const pattern of patterns)
        assert.deepEqual(
          claims.filter((claim) => pattern.test(claim)),
          spoken[alert],
          alert,
        );
    }
  });

  it('are each shown to fire, and not to fire, by a unit test for promtool', () => {
    const { tests } = parse(readFileSync(join(root, 'tests', 'cluster', 'alerts.yaml'), 'utf8')) as UnitTests;
    const shown = tests.flatMap((test) => test.alert_rule_test);
    const isShown = (name: string, isFiring: boolean) =>
      shown.some(({ alertname, exp_alerts: firing = [] }) => alertname === name && firing.length > 0 === isFiring);
    assert.deepEqual(
      alerts.map(({ alert }) => alert).filter((name) => !isShown(name, true) || !isShown(name, false)),
      [],
    );
  });
});

describe('the dashboards of the chart', () => {
  it('are of the platform, a tenant and the operator', () => {
    assert.deepEqual(dashboards.map(({ file }) => basename(file, '.json')).sort(), ['operator', 'platform', 'tenant']);
    assert.equal(new Set(dashboards.map(({ dashboard }) => dashboard.uid)).size, dashboards.length);
  });

  for (const { file, dashboard } of dashboards)
    describe(file, () => {
      it('has a title and a unit on every panel, each in its own place', () => {
        assert.match(dashboard.title, /\S/);
        const { panels } = dashboard;
        assert.ok(panels.length > 5);
        for (const { title, fieldConfig, targets } of panels) {
          assert.match(title, /\S/);
          assert.match(fieldConfig.defaults.unit ?? '', /\S/, title);
          assert.ok(targets.length > 0, title);
        }
        for (const name of ['id', 'title'] as const)
          assert.equal(new Set(panels.map((panel) => panel[name])).size, panels.length, name);
        assert.equal(new Set(panels.map(({ gridPos }) => `${gridPos.x} ${gridPos.y}`)).size, panels.length);
      });

      it('reads figures that are exported, and names lines by labels that they have', () => {
        for (const { expr, legendFormat } of dashboard.panels.flatMap(({ targets }) => targets)) {
          assert.deepEqual(findUnknown(expr), [], expr);
          const known = readExpression(expr).selectors.flatMap(({ metric }) => [...(exported.get(metric) ?? [])]);
          for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) assert.ok(known.includes(label), expr);
        }
      });

      it('offers values of labels that exist, and asks for no other choice', () => {
        const { list } = dashboard.templating;
        for (const { query } of list.slice(1)) {
          const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
          assert.ok(exported.get(metric)?.has(label), query);
        }
        const offered = new Set([...list.map(({ name }) => name), '__rate_interval']);
        for (const [, name = ''] of JSON.stringify(dashboard).matchAll(/\$(\w+)/g)) assert.ok(offered.has(name), name);
      });
    });
});
