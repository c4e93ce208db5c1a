/** How many files of a job are sent at once. It bounds the memory. */
const filesAtOnce = 4;

/**
 * Works on the files of a job, several at a time. After a failure it begins no other file, and
 * waits for those that it has begun.
 *
 * @returns the results, in the order of the files.
 * @throws the first error.
 */
export async function severalFiles<File, Result>(
  files: readonly File[],
  work: (file: File, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const errors: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < files.length && errors.length === 0) {
      const index = next++;
      try {
        results[index] = await work(files[index] as File, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce }, worker));
  if (errors.length > 0) throw errors[0];
  return results;
}
