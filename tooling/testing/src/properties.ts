import fc from 'fast-check';

// fast-check prints the seed of a failing run. FC_SEED repeats that run.
if (process.env.FC_SEED !== undefined) fc.configureGlobal({ seed: Number(process.env.FC_SEED) });

export { fc };
