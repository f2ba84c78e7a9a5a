#!/usr/bin/env node
import { commandLine } from './cli.js';
import { runCluster } from './cluster-launcher.js';
import { checkHealth } from './healthcheck.js';
import { runServer } from './run-server.js';

await commandLine({ server: runServer, cluster: runCluster, health: checkHealth }).parseAsync();
