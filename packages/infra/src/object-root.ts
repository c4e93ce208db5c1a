/** Whether the root of a bus is an object store, and not a folder of this machine. */
export const isObjectRoot = (root: string): boolean => /^(s3|file):\/\//.test(root);

/** Whether the root of a bus is the server of a daemon. */
export const isHttpRoot = (root: string): boolean => /^https?:\/\//.test(root);

/** Whether the root of a bus is not a folder of this machine. */
export const isRemoteRoot = (root: string): boolean => isObjectRoot(root) || isHttpRoot(root);
