#!/usr/bin/env node
/**
 * The program `sonde`, with probes found where it runs. The fact a reader gets wrong: the exit code
 * is set and the process ends by itself, so that everything that was written arrives.
 */
import { main } from './program.js';
import { realSurround } from './terminal.js';

process.exitCode = await main(process.argv.slice(2), realSurround());
