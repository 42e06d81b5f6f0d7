// Preloaded by a test (`--import`): the command dies at the point that KILL_AT names.
import { subscribe } from 'node:diagnostics_channel';

subscribe(`pressferry:${process.env.KILL_AT}`, () => process.kill(process.pid, 'SIGKILL'));
