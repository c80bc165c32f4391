/**
 * Where a probe is watched: on this machine's kernel, or in a guest of any cell. What a reader
 * would get wrong: whether this machine's kernel works is asked of `sonde doctor`, which tries.
 */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  askHost,
  buildOwnWorkloads,
  buildWorkloads,
  hostArchitecture,
  ownWorkloadFolder,
  readMatrix,
  selectCells,
  workloadFolder,
  type Cell,
} from '@sonde/vm-tests';
import { AGENT_LOOP, GuestAgents, HostAgents, type AgentPlace } from './agents.js';
import { bundleAgent } from './bundle-tests.js';

type Progress = (line: string) => void;

/** How objects name the architecture of a cell, or of this machine without one. */
export function bpfArch(cell: Cell | undefined): 'x86_64' | 'arm64' {
  const { bpf } = cell?.architecture ?? hostArchitecture(readMatrix());
  return bpf === 'arm64' ? 'arm64' : 'x86_64';
}

/**
 * The cell of that name; without a name this machine's own kernel, as undefined, or where that does
 * not work the newest fast cell of its architecture. Throws for a name that is not one cell.
 */
export async function chooseCell(
  name: string | undefined,
  progress: Progress,
): Promise<Cell | undefined> {
  const matrix = readMatrix();
  if (name !== undefined) {
    const [cell, ...others] = selectCells(matrix, [name]);
    if (cell === undefined || others.length > 0) throw new Error(`watch in ${name}: name one cell`);
    return cell;
  }
  const host = await askHost();
  if (host.works) return undefined;
  progress(`this machine's kernel does not work for this: ${host.why}; using a guest`);
  const own = hostArchitecture(matrix).name;
  return selectCells(matrix, ['fast']).findLast(cell => cell.architecture.name === own);
}

/**
 * Bundles the agent, builds the programs that the probe's tests start, its own ones among them, and
 * starts the first agent.
 */
export async function openPlace(
  probeDir: string,
  cell: Cell | undefined,
  folder: string,
  progress: Progress,
): Promise<AgentPlace> {
  const matrix = readMatrix();
  const architecture = cell?.architecture ?? hostArchitecture(matrix);
  const agent = join(folder, 'agent.mjs');
  const programs = await buildWorkloads({ architecture, progress });
  const own = await buildOwnWorkloads(probeDir, architecture, progress);
  if (cell === undefined) {
    // Inside this package, so that koffi is found in the workspace's node_modules.
    const inside = fileURLToPath(new URL(`./agent-${process.pid}.mjs`, import.meta.url));
    await bundleAgent(inside);
    return new HostAgents(inside, folder, {
      SONDE_WORKLOADS: workloadFolder(architecture),
      SONDE_OWN_WORKLOADS: ownWorkloadFolder(probeDir, architecture),
    });
  }
  await bundleAgent(agent);
  const loop = join(folder, 'agents.sh');
  await writeFile(loop, AGENT_LOOP);
  const files = [
    { from: agent, to: 'agent.mjs' },
    { from: loop, to: 'agents.sh' },
    ...programs.map(from => ({ from, to: `workloads/${basename(from)}` })),
    ...own.map(from => ({ from, to: `own-workloads/${basename(from)}` })),
  ];
  return GuestAgents.start({ matrix, cell, files, folder: join(folder, 'guest'), progress });
}
