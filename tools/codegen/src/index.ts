/**
 * Codegen as a library: the printers and what feeds them. What a reader would get wrong: the Nx
 * plugin is not here but in `plugin.mjs`, which must load before anything is built.
 */
export { evaluateSchema } from './evaluate-schema.js';
export {
  generateFramework,
  generateProbe,
  probeIr,
  repositoryRoot,
  shownPath,
  staleFiles,
  writeGenerated,
  type GeneratedFile,
} from './generate.js';
export { printFrameworkHeader } from './c/framework-header.js';
export { printProbeHeader } from './c/probe-header.js';
export { printReference } from './markdown/reference.js';
export { SchemaSource } from './source-index.js';
export { printIrModule, printProbeModule } from './typescript/probe-module.js';
export {
  BPF_ARCHES,
  compileBpf,
  compileProbe,
  frameworkHeaders,
  type BpfArch,
  type CompileOptions,
} from './compile-bpf.js';
export { newProbe } from './new-probe.js';
