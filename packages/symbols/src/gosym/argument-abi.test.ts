/** Where arguments are, by release, architecture and the experiments of its version string. */
import t from 'tap';
import { argumentAbi } from './argument-abi.js';
import { parseGoRelease } from './release.js';

const abi = (name: string, arch: 'x86_64' | 'arm64'): number =>
  argumentAbi(parseGoRelease(name)!, arch);

t.test('registers come with 1.17 and, on arm64, with 1.18', async t => {
  const releases = ['go1.15.15', 'go1.16.15', 'go1.17.13', 'go1.18', 'go1.27.4'];
  t.same(
    releases.map(name => abi(name, 'x86_64')),
    [0, 0, 1, 1, 1],
  );
  t.same(
    releases.map(name => abi(name, 'arm64')),
    [0, 0, 0, 1, 1],
  );
});

t.test('the first release with registers can be built without them', async t => {
  // What GOEXPERIMENT=noregabi and GOEXPERIMENT=noregabiargs of Go 1.17.13 write.
  const all = 'go1.17.13 X:noregabiwrappers,noregabig,noregabireflect,noregabidefer,noregabiargs';
  t.equal(abi(all, 'x86_64'), 0);
  t.equal(abi('go1.17.13 X:noregabiargs', 'x86_64'), 0);
  t.equal(abi('go1.17.13 X:fieldtrack', 'x86_64'), 1);
  t.equal(abi('go1.18.10 X:noregabiargs', 'arm64'), 0);
  t.equal(abi('go1.18.10 X:noregabiargs', 'x86_64'), 1, 'amd64 ignores it from 1.18 on');
  t.equal(abi('go1.20.1 X:noregabiargs', 'arm64'), 1);
});
