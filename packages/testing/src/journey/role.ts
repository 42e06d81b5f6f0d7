import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Reads and writes all present and future tables of the owner, owns none; returns its connection URL. */
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
