/** Who is named of a stack, and how long C++ and Rust names are shortened in a sentence. */
import t from 'tap';
import {
  callerOf,
  isOwnCode,
  ownCodeOf,
  withoutArguments,
  withoutTemplates,
} from './stack-names.js';

t.test('arguments and templates become dots; operators and namespaces stay', async t => {
  const names: Readonly<Record<string, string>> = {
    'ns::Table<int, std::vector<int> >::insert(int, void (*)(int)) const':
      'ns::Table<…>::insert(…)',
    '(anonymous namespace)::local(int) [clone .isra.0]': '(anonymous namespace)::local(…)',
    'Order::operator()(int)': 'Order::operator()(…)',
    'bool operator< <int>(Box<int> const&)': 'bool operator< <…>(…)',
    '<std::path::PathBuf>::new': '<std::path::PathBuf>::new',
    'core::fmt::Formatter::pad': 'core::fmt::Formatter::pad',
    'broken<name(': 'broken<name(',
  };
  for (const [name, short] of Object.entries(names)) {
    t.equal(withoutTemplates(withoutArguments(name)), short);
  }
});

t.test(
  'a sentence names a long C++ function without its arguments, a long C one whole',
  async t => {
    const name = `ns::f(${'int, '.repeat(20)}int)`;
    const frame = { function: name, module: '/srv/app', kind: 'c', inlined: false } as const;
    t.equal(callerOf([{ ...frame, symbol: '_ZN2ns1fE' }]), 'ns::f(…)');
    t.equal(callerOf([frame]), name);
  },
);

t.test('where a stripped library has no name, its nearest function with one is named', async t => {
  const c = (name: string, symbolSource: string, module = '/usr/lib/libx.so.1') =>
    ({ kind: 'c', function: name, module, inlined: false, symbolSource }) as const;
  const own = c('take', 'symtab', '/srv/app');
  const [inner, outer] = [c('libx.so.1+0x15', 'none'), c('libx.so.1+0x20', 'none')];
  const exported = c('x_open', 'dynsym');
  t.equal(callerOf([inner, outer, exported, own]), 'x_open in libx.so.1');
  t.equal(callerOf([exported, inner, own]), 'x_open');
  t.equal(callerOf([inner, own]), 'code of libx.so.1 without names', 'another file does not count');
});

t.test("the program's own code is told from the standard library and from modules", async t => {
  const go = (name: string, file: string) =>
    ({ kind: 'go', function: name, file, module: '/srv/app', inlined: false }) as const;
  const driver = go('github.com/x/sqlite.(*Conn).prepare', '/m/github.com/x/sqlite@v1.2.0/c.go');
  const vendored = go('example.org/pool.Get', '/src/app/vendor/example.org/pool/pool.go');
  const standard = go('database/sql.(*DB).Query', '/usr/lib/go/src/database/sql/sql.go');
  const glue = go('runtime.cgocall', '/usr/lib/go/src/runtime/cgocall.go');
  const own = go('shop/users.lookUp', '/src/app/users/users.go');
  const main = go('main.main', '/src/app/main.go');
  const c = { ...go('sqlite3_prepare', 'sqlite3.c'), kind: 'c' } as const;

  t.same([c, glue, driver, vendored, standard, own, main].map(isOwnCode), [
    ...Array.from({ length: 5 }, () => false),
    true,
    true,
  ]);
  t.equal(ownCodeOf([c, glue, driver, standard, own, main]), own);
  t.equal(ownCodeOf([c, glue, own, main]), undefined, 'nothing stands between it and C');
  t.equal(ownCodeOf([c, driver]), undefined);
});
