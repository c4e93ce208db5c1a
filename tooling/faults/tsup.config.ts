import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    main: 'src/main.ts',
    producer: 'src/producer.ts',
    'plain-producer': 'src/plain-producer.ts',
    soak: 'src/soak.ts',
    mutant: 'src/mutant.ts',
    'rule-mutant': 'src/rule-mutant.ts',
    'rule-mutant-hooks': 'src/rule-mutant-hooks.ts',
    'cluster-mutant': 'src/cluster/mutant.ts',
    'cluster-producer': 'src/cluster/producer.ts',
  }),
);
