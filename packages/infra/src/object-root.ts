/** Whether the root of a bus is an object store, and not a folder of this machine. */
export const isObjectRoot = (root: string): boolean => /^(s3|file):\/\//.test(root);
