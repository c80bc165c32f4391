/** Test programs and how they are built; imported by tests of this and of other packages only. */
export {
  buildGoFixture,
  FIXTURE_RELEASES,
  type FixtureOptions,
  goRoot,
  localRelease,
} from './go-fixtures.js';
export { CGO, SELF_DESCRIBING } from './programs.js';
