/**
 * `sonde-vm machine`: builds what Vagrant's provider boots, for each named cell, with the kernel
 * tests of every probe inside.
 *
 * The fact readers get wrong: the tests that go through every Go release are left out unless they
 * are asked for, because their programs take minutes to build the first time.
 */
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError, commaList, progress } from './command-line.js';
import type { PayloadFile } from './guest/payload.js';
import { bundleSuite, testSuite, type TestSuite } from './lanes/bundle.js';
import { objectFiles, workloadFiles } from './lanes/objects.js';
import { buildMachine } from './machines/machine.js';
import { readMatrix, selectCells, type Architecture } from './matrix.js';
import { buildOwnWorkloads, ownWorkloadFiles } from './own-workloads.js';
import { buildEveryWorkload } from './releases.js';
import { withScratch } from './scratch.js';
import { inWorkspace, probePackages, workspaceRoot } from './surroundings.js';
import { buildWorkloads } from './workloads.js';

const SWEEP = /releases\.kernel\.test\.js$/;

async function suites(releases: boolean, wanted: readonly string[]): Promise<TestSuite[]> {
  const named = wanted.map(name => resolve(workspaceRoot, inWorkspace ? 'packages' : '', name));
  const folders = named.length > 0 ? named : probePackages().sort();
  const all = await Promise.all(folders.map(testSuite));
  if (releases) return all;
  // The survey of each way to attach needs a program of every release too.
  return all.map(({ name, folder, files, traced }) => {
    return { name, folder, traced, files: files.filter(file => !SWEEP.test(file)) };
  });
}

async function programs(architecture: Architecture, releases: boolean): Promise<PayloadFile[]> {
  if (releases) {
    await buildEveryWorkload(readMatrix(), architecture, 'fast', progress);
    return workloadFiles(architecture, 'workloads');
  }
  const paths = await buildWorkloads({ architecture, progress });
  return paths.map(from => ({ from, to: `workloads/${basename(from)}` }));
}

/** Runs `sonde-vm machine` and prints the description's path of each cell. */
export async function machineCommand(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      cells: { type: 'string' },
      out: { type: 'string', default: 'vagrant/machines' },
      probes: { type: 'string' },
      releases: { type: 'boolean', default: false },
    },
  });
  const matrix = readMatrix();
  const wanted = commaList(values.cells);
  if (wanted.length === 0)
    throw new UsageError('build machines: name cells, as in --cells 6.12-arm64');
  return withScratch(async scratch => {
    const tests = await suites(values.releases, commaList(values.probes));
    const bundles: PayloadFile[] = [];
    for (const suite of tests) {
      bundles.push({ from: await bundleSuite(suite, scratch), to: `tests/${suite.name}.mjs` });
    }
    for (const cell of selectCells(matrix, wanted)) {
      const own: PayloadFile[] = [];
      for (const { folder, name } of tests) {
        await buildOwnWorkloads(folder, cell.architecture, progress);
        const to = `own-workloads/${name}`;
        own.push(...(await ownWorkloadFiles(folder, cell.architecture, to)));
      }
      const files = [
        ...bundles,
        ...own,
        ...(await objectFiles(cell.architecture, 'bpf')),
        ...(await programs(cell.architecture, values.releases)),
      ];
      const path = await buildMachine({
        matrix,
        cell,
        files,
        tests: tests.map(suite => suite.name),
        folder: resolve(workspaceRoot, values.out, cell.name),
        progress,
      });
      process.stdout.write(`${path}\n`);
    }
    return 0;
  });
}
