import { same } from '../expect.ts';

same<{ a: string | null }, { a: string }>();
