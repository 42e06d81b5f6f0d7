import { randomBytes } from 'node:crypto';
import pg from 'pg';

/**
 * Makes a role that may read and write every table that there is and that the owner will make, and owns none; returns the URL with
 * which it connects.
 */
export async function makeServiceRole(ownerUrl: string, name: string): Promise<string> {
  const password = randomBytes(18).toString('base64url');
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(`
      create role ${name} login password '${password}';
      grant usage on schema public to ${name};
      alter default privileges in schema public grant select, insert, update, delete on tables to ${name};
      alter default privileges in schema public grant usage, select, update on sequences to ${name};`);
  } finally {
    await client.end();
  }
  const url = new URL(ownerUrl);
  url.username = name;
  url.password = password;
  return url.href;
}
