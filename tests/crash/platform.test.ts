import { after } from 'node:test';
import { startEmbeddedPlatform } from '../e2e/embedded-platform.ts';
import { faults } from '../e2e/suites/faults.ts';
import { closedFiles } from '../e2e/suites/private-files.ts';
import { scaling } from '../e2e/suites/scaling.ts';

// The embedded platform, whose processes are killed, stopped and started again. On a cluster: tests/e2e/main.test.ts.
const platform = await startEmbeddedPlatform();
const open = () => platform;

faults(open);
scaling(open);
closedFiles(open);

after(() => platform.stop());
