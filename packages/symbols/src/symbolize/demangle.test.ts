/**
 * Names of C++ and Rust. What a reader would get wrong: expectations are written down here from
 * the two specifications, because binutils knows only one of Rust's schemes in some releases.
 */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { demangle } from './demangle.js';

t.test('C++ by the Itanium ABI, as c++filt writes it', async t => {
  const symbols = [
    '_ZN2ns3fooEi',
    '_ZNK3Box3getEv',
    '_ZN3BoxC1ERKS_',
    '_Z3fooi.constprop.0',
    '_ZN12_GLOBAL__N_15localEv',
    '_ZplRK5MoneyS1_',
    '_ZN3absIiE5valueE',
  ];
  const want = execFileSync('c++filt', symbols, { encoding: 'utf8' }).trimEnd().split('\n');
  t.same(symbols.map(demangle), want);
});

t.test('Rust, both schemes, without the hash that nobody wrote', async t => {
  const names: Readonly<Record<string, string>> = {
    _ZN4core3fmt9Formatter3pad17h0123456789abcdefE: 'core::fmt::Formatter::pad',
    _ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE:
      'std::rt::lang_start::{{closure}}',
    _RNvCs1234_7mycrate3foo: 'mycrate::foo',
    _RNCNvCsgStHSCytQ6I_7mycrate4main0B3_: 'mycrate::main::{closure#0}',
    _RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate:
      '<std::path::PathBuf>::new',
  };
  for (const [symbol, name] of Object.entries(names)) t.equal(demangle(symbol), name, symbol);
});

t.test('what is not mangled, is damaged, or lasts too long stays as it is', async t => {
  const plain = ['malloc', 'main.foo', '_cgo_6cc_Cfunc_x', '_Z', '_R', '_Zebra', '_RIC', '__libc'];
  for (const symbol of plain) t.equal(demangle(symbol), symbol);
  t.equal(demangle(`_Z1f${'P'.repeat(100_000)}i`).length, 100_005);
  t.equal(demangle('_Z1fi'), 'f(int)', 'the next name is read again');
});

t.test('a small symbol that stands for gigabytes is refused without being tried', async t => {
  const reference = (n: number): string => `S${n === 0 ? '' : (n - 1).toString(36).toUpperCase()}_`;
  const bomb = (levels: number): string => {
    let symbol = '_Z1f1QIiiE';
    for (let k = 1; k <= levels; k++) symbol += `S_I${reference(k)}${reference(k)}E`;
    return symbol;
  };
  t.ok(demangle(bomb(4)).length > bomb(4).length, 'a few levels are ordinary C++');
  for (const levels of [30, 100]) t.equal(demangle(bomb(levels)), bomb(levels));
});
