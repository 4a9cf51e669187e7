#!/usr/bin/env node
// `kubectl hybridstore`: the command line, which without KUBECONFIG goes where kubectl goes, and to no data folder that lies here.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const usual = join(homedir(), '.kube', 'config');
if (!process.env['KUBECONFIG'] && existsSync(usual)) process.env['KUBECONFIG'] = usual;
await import('./hybridstore.js');
