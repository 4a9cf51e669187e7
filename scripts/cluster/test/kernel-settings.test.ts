import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { restoreKernelSettings, saveKernelSettings } from '../kernel-settings.ts';
import { layoutCluster } from '../layout.ts';

const folder = mkdtempSync(join(tmpdir(), 'kernel-settings-test-'));
after(() => rmSync(folder, { recursive: true }));

test('what a kubelet changes is put back, and what this kernel lacks is left out', () => {
  const layout = layoutCluster(join(folder, 'state'));
  const settings = join(folder, 'sys');
  mkdirSync(join(settings, 'vm'), { recursive: true });
  mkdirSync(layout.stateFolder);
  const file = join(settings, 'vm', 'overcommit_memory');
  writeFileSync(file, '0\n');
  saveKernelSettings(layout, settings);
  writeFileSync(file, '1\n');
  restoreKernelSettings(layout, settings);
  assert.equal(readFileSync(file, 'utf8').trim(), '0');
});

test('without saved settings nothing is changed', () => {
  restoreKernelSettings(layoutCluster(join(folder, 'nothing')), join(folder, 'no-sys'));
});
