import { createCheckoutProgram } from './program.ts';

await createCheckoutProgram().parseAsync();
