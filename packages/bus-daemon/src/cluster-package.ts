import { daemonError } from '@quantbot/bus-format';

/**
 * Loads code that needs `@quantbot/bus-cluster`, which users with one machine do not install.
 *
 * @throws DaemonError `CLUSTER_PACKAGE_MISSING`.
 */
export async function withClusterPackage<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND' || !message.includes('@quantbot/bus-cluster')) throw error;
    throw daemonError(
      'CLUSTER_PACKAGE_MISSING',
      'The configuration has a section cluster, and the package @quantbot/bus-cluster is not installed.',
      { cause: error },
    );
  }
}
