/**
 * Python and Go as their own tools see them, where a machine has these: pydantic builds every model, gofmt and go vet
 * find nothing. Dart's printer is held by its goldens alone.
 */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const golden = join(import.meta.dirname, '../golden/codegen');

/** The code and all output of a program; null where there is none of that name. */
const run = (
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<{ code: number; output: string } | null> =>
  new Promise((resolve) => {
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', PYTHONDONTWRITEBYTECODE: '1' };
    execFile(program, [...args], { cwd, env }, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') resolve(null);
      else resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });

const makeFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

const MODELS = `
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('made', sys.argv[1])
made = importlib.util.module_from_spec(spec)
sys.modules['made'] = made
spec.loader.exec_module(made)
for model in vars(made).values():
    if isinstance(model, type) and issubclass(model, made.Model):
        model.model_rebuild()
        model.model_json_schema()
if hasattr(made, 'LinesInsert'):
    made.LinesInsert.model_validate_json('{"order_id": "00000000-0000-4000-8000-000000000001", "sku": "a", "amount": 1}')
    row = made.CustomersInsert(born='1980-01-01', work='ada@example.org', x_9_lives_=None)
    assert row.model_dump(mode='json', exclude_unset=True, by_alias=True) == {
        'born': '1980-01-01', 'work': 'ada@example.org', '9 lives': None,
    }
    for wrong in ({'level': 4}, {'discount': 100}, {'email': 'nobody'}, {'born': None}):
        try:
            made.CustomersInsert(**{'born': '1980-01-01', 'work': 'ada@example.org', **wrong})
        except made.pydantic.ValidationError:
            continue
        raise SystemExit(f'{wrong} was accepted')
`;

test.for(['shop', 'tracks'])('%s in Python', async (name, context) => {
  const probe = await run('python3', ['-c', 'import pydantic; assert pydantic.VERSION.startswith("2.")']);
  if (probe?.code !== 0) return context.skip('there is no python3 with pydantic 2');
  const outcome = await run('python3', ['-c', MODELS, join(golden, `${name}.py`)]);
  expect(outcome).toEqual({ code: 0, output: '' });
});

test.for(['shop', 'tracks'])('%s in Go', async (name, context) => {
  if ((await run('gofmt', ['-h'])) === null) return context.skip('there is no Go');
  const folder = await makeFolder();
  await copyFile(join(golden, `${name}.go`), join(folder, `${name}.go`));
  await writeFile(join(folder, 'go.mod'), 'module example.org/database\n\ngo 1.19\n');
  expect(await run('gofmt', ['-l', '.'], folder)).toEqual({ code: 0, output: '' });
  expect(await run('go', ['vet', '.'], folder)).toEqual({ code: 0, output: '' });
});
