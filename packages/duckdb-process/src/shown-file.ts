// A module of its own, beside the worker: only it reads from S3, with a package of the user's.
export { mustKeepValues } from '@quantbot/storage/sandbox';
