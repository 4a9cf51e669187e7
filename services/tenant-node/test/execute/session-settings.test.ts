import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { quoteText } from '@hybridstore/engine/duckdb';
import { connectionSetting, lockedSettings } from '../../src/execute/child/session-settings.ts';

it('no setting of the engine changes after the lock but the one that each connection sets', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const first = await instance.connect();
  const options = { filesFolder: '/nowhere', secret: '', memoryLimit: '256MB', threads: 1 };
  for (const setting of lockedSettings(options)) await first.run(setting);
  const connection = await instance.connect();
  const settings = async () =>
    (await connection.runAndReadAll('SELECT name, value FROM duckdb_settings() ORDER BY name')).getRowsJson();
  const names = (await settings()).map(([name]) => String(name));
  assert.ok(names.length > 100);
  // Which SET alone would give to the first connection only.
  assert.ok((await settings()).some(([name, value]) => name === 'parquet_metadata_cache' && value === 'true'));
  await connection.run(connectionSetting);
  const locked = await settings();
  assert.deepEqual(
    locked.find(([name]) => name === 'streaming_buffer_size'),
    ['streaming_buffer_size', '128.0 KiB'],
  );
  const changeable: string[] = [];
  for (const [name, value] of locked) {
    const changes = ['SET', 'SET GLOBAL', 'SET SESSION'].map((set) => `${set} ${name} = ${quoteText(String(value))}`);
    for (const change of [...changes, `RESET ${name}`]) {
      const isTaken = await connection.run(change).then(
        () => true,
        () => false,
      );
      if (isTaken) changeable.push(String(name));
    }
  }
  // Where names without a schema are looked for is every connection's own, lock or not.
  assert.deepEqual([...new Set(changeable)], ['schema', 'search_path', 'streaming_buffer_size']);
  instance.closeSync();
});
