/** Test programs and how they are built; imported by tests of this and of other packages only. */
export {
  ALL_RELEASES,
  buildGoFixture,
  FIXTURE_RELEASES,
  type FixtureOptions,
  goRoot,
  goTool,
  localRelease,
} from './go-fixtures.js';
export { runSelfCopyingProgram, type SelfCopies, type SelfCopy } from './self-copying-program.js';
export { CGO, SELF_DESCRIBING, selfDescribing } from './programs.js';
