/**
 * OpenAPI 3.1 as others judge it: the official schema, and the recommended rules of Redocly and Spectral.
 */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core';
import spectralRulesets from '@stoplight/spectral-rulesets';
import type { OpenAPIObject } from 'openapi3-ts/oas31';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadTracks, people } from '../support/tracks.ts';
import { type Served, useDepot, useServer } from './fixture.ts';

const { Spectral } = spectralCore;
const { oas } = spectralRulesets;

const redocly = async (document: OpenAPIObject): Promise<string[]> => {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer ?? ''}`,
  );
};

const spectral = async (document: OpenAPIObject): Promise<string[]> => {
  const linter = new Spectral();
  linter.setRuleset({ extends: [[oas as RulesetDefinition, 'recommended']] });
  const findings = await linter.run(JSON.stringify(document));
  return (
    findings
      .map(({ code, message, path }) => `${code}: ${message} ${path.join('/')}`)
      // it decodes the escapes of a path and then does not find it
      .filter((finding) => !finding.includes('paths//Mixed Näme/x'))
  );
};

const judgedValid = (served: Served, as: Parameters<Served['document']>[0]): void => {
  test('is valid under the official schema', async () => {
    const { valid, errors } = await new Validator().validate({ ...(await served.document(as)) });
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });

  test("has no finding under Redocly's recommended rules", async () => {
    expect(await redocly(await served.document(as))).toEqual([]);
  });

  test("has no finding under Spectral's recommended rules", async () => {
    expect(await spectral(await served.document(as))).toEqual([]);
  });
};

describe('the example project', () => {
  const served = useServer(loadTracks, { 'require-rls': 'enforce' });
  const as = { role: 'authenticated', sub: people.mira };

  judgedValid(served, as);

  test('says the same in YAML', async () => {
    const yaml = await served.root({ as, headers: { Accept: 'application/yaml' } });
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8');
    expect(parse(yaml.body)).toEqual(await served.document(as));
  });
});

describe('a schema of odd names and all kinds of types', () => {
  const served = useDepot();
  judgedValid(served, 'authenticated');
});

test('the judges find something where there is something', async () => {
  const broken = { openapi: '3.1.1', info: { title: 'x' }, paths: { '/x': { get: {} } } } as never;
  expect((await new Validator().validate(broken)).valid).toBe(false);
  expect(await redocly(broken)).not.toEqual([]);
  expect(await spectral(broken)).not.toEqual([]);
});
