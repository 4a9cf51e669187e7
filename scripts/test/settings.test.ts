import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { roleActions } from '@hybridstore/contracts';
import { readFolder } from '../start/objects.ts';
import { embeddedSettings } from '../start/settings.ts';

test('a registered user writes the sources of the example, and no source that is made later', () => {
  const examples = readFolder(fileURLToPath(new URL('../../examples', import.meta.url)));
  const sources = examples
    .filter(({ object }) => object.kind === 'DataSource')
    .map(({ object }) => (object as { readonly spec?: { readonly sourceId?: string } }).spec?.sourceId);
  const env = embeddedSettings().services['auth-gateway']?.env ?? {};
  assert.equal(env['REGISTRATION_SOURCES'], sources.sort().join(','));
  assert.deepEqual(
    [env['REGISTRATION_TENANT'], env['REGISTRATION_ROLE'], roleActions.writer],
    ['default/acme', 'writer', ['read', 'write']],
  );
});
