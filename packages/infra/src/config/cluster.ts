import { resolve } from 'node:path';
import * as z from 'zod';
import { busError } from '../errors.js';
import { variablePattern } from './notify.js';

/** Where a bus on several machines keeps its journal and its files. */
export const clusterSchema = z.strictObject({
  postgres: z
    .string()
    .regex(/^(postgres(ql)?:\/\/|\$\{[A-Za-z_]\w*\}$)/, 'must be a URL such as postgres://bus@db/bus, or a variable')
    .describe(`URL of the database with the journal. \${NAME} is an environment variable.`),
  objects: z
    .string()
    .regex(/^(s3|file):\/\//, 'must be a URL such as s3://bucket/prefix or file:///shared/folder')
    .describe(`URL of the object store. \${NAME} is an environment variable.`),
  s3: z
    .strictObject({
      endpoint: z.url().optional().describe('URL of the server, if it is not Amazon S3.'),
      region: z.string().min(1).optional().describe('The region.'),
      path_style: z.boolean().optional().describe('Whether the bucket is a part of the path.'),
    })
    .prefault({})
    .describe('How to reach an S3 server.'),
  extensions: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder with DuckDB's extensions ducklake, postgres_scanner and httpfs. DuckDB installs them by default.",
    ),
  lease_s: z
    .number()
    .min(1)
    .max(3600)
    .default(30)
    .describe('For so long jobs that a daemon has taken wait for it if it is gone.'),
  work_dir: z
    .string()
    .min(1)
    .optional()
    .describe("Folder of this host for the files of jobs in work. The default is in the system's temporary folder."),
});

/** The section `cluster` of `bus_config.json`, as the rest of the software sees it. */
export interface ClusterConfig {
  postgres: string;
  objects: string;
  s3: { endpoint?: string; region?: string; pathStyle?: boolean };
  extensions: string | undefined;
  leaseS: number;
  workDir: string | undefined;
}

/**
 * Returns the settings as programs use them. Environment variables are filled in later, when the
 * object store is opened.
 */
export function resolveCluster(file: z.infer<typeof clusterSchema>, base: string): ClusterConfig {
  const { endpoint, region, path_style: pathStyle } = file.s3;
  return {
    postgres: file.postgres,
    objects: file.objects,
    s3: {
      ...(endpoint !== undefined && { endpoint }),
      ...(region !== undefined && { region }),
      ...(pathStyle !== undefined && { pathStyle }),
    },
    extensions: file.extensions && resolve(base, file.extensions),
    leaseS: file.lease_s,
    workDir: file.work_dir && resolve(base, file.work_dir),
  };
}

/**
 * Replaces `${NAME}` by the value of that environment variable.
 *
 * @throws BusError `CONFIG_INVALID` if the variable is not set.
 */
export function withVariables(text: string): string {
  return text.replace(variablePattern, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined)
      throw busError('CONFIG_INVALID', `The environment has no variable ${name}, which the section cluster names.`);
    return value;
  });
}
