/**
 * A producer that submits one file as many jobs, and nothing else. Arguments: bus root, file,
 * number of jobs.
 */
import { submitArtifact } from '@quantbot/infra/utils';

const [busRoot = '', parquetPath = '', count = ''] = process.argv.slice(2);

for (let i = 0; i < Number(count); i++)
  await submitArtifact({ busRoot, runId: `plain-${i}`, producer: 'cost', kind: 'probe', artifactId: 'a', parquetPath });
