import { after } from 'node:test';
import { startClusterPlatform } from './cluster-platform.ts';
import { startEmbeddedPlatform } from './embedded-platform.ts';
import { askedAgain } from './suites/asked-again.ts';
import { exchanges } from './suites/exchanges.ts';
import { faults } from './suites/faults.ts';
import { mainJob } from './suites/main-job.ts';
import { privateFiles } from './suites/private-files.ts';
import { readmeTour } from './suites/readme-tour.ts';
import { replacedServices } from './suites/replaced-services.ts';
import { scaling } from './suites/scaling.ts';
import { seedExamples } from './suites/seed-examples.ts';
import { trust } from './suites/trust.ts';

// One suite, two places: embedded by default, a cluster when HYBRIDSTORE_E2E says so.
const platform =
  process.env['HYBRIDSTORE_E2E'] === 'kubernetes' ? await startClusterPlatform() : await startEmbeddedPlatform();
process.stdout.write(`end-to-end on the ${platform.name} platform\n`);
const open = () => platform;

// First: the page shows a platform that was just started.
if (platform.name === 'embedded') readmeTour(open);
mainJob(open);
trust(open);
askedAgain(open);
if (platform.name === 'embedded') exchanges(open);
replacedServices(open);
// Of the embedded platform in tests/crash: they stop and start its processes many times.
if (platform.name === 'kubernetes') {
  faults(open);
  scaling(open);
}
if (platform.name === 'embedded') seedExamples(open);
// Last: everything has written by then.
if (platform.name === 'embedded') privateFiles(open);

after(() => platform.stop());
