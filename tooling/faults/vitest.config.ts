import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

const longest = [
  'kill-campaign',
  'cluster-mutants.campaign',
  'system-calls.campaign',
  'rot.campaign',
  'cluster-campaign.campaign',
];

export default defineConfig(projects({ first: longest.map(name => `test/${name}.test.ts`) }));
