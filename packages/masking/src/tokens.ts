import { MIXED_FORMS, MORE_FORMS } from './vendor-forms.ts';

/**
 * Documented forms of vendors' secrets: prefix, alphabet, length. Each pattern ends in its only open repeat, so a
 * failed try costs its minimum and the search stays linear.
 */
const FORMS = [
  // OpenAI, Anthropic, OpenRouter and others that name the kind; the older bare form is `BARE_SK`.
  /(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin|service|ant-[a-z]{2,5}\d\d|or-v1|lf)-[\w-]{12,}/g,
  // HubSpot's private apps.
  /(?<![A-Za-z0-9])pat-[a-z]{2}\d-[0-9a-f-]{16,}/g,
  // Slack: tokens, app tokens, and web hooks, whose address is the secret.
  /(?<![A-Za-z0-9])xox[a-z](?:\.xox[a-z])?-[\w-]{10,}/g,
  /(?<![A-Za-z0-9])xapp-\d-[\w-]{10,}/g,
  /hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/[\w/+-]{10,}/g,
  /discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/\d{10,20}\/[\w-]{20,}/g,
  // GitHub, GitLab.
  /(?<![A-Za-z0-9])gh[opsur]_[A-Za-z0-9]{20,}/g,
  /(?<![A-Za-z0-9])github_pat_\w{20,}/g,
  /(?<![A-Za-z0-9])gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|soat)-[\w-]{16,}(?:\.\d\d\.[a-z0-9]{9})?/g,
  // AWS key ids, and Google's keys, access, refresh and client secrets.
  /(?<![A-Za-z0-9])(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])AIza[\w-]{35}/g,
  /(?<![A-Za-z0-9])ya29\.[\w.-]{16,}/g,
  /(?<![A-Za-z0-9])GOCSPX-[\w-]{20,}/g,
  /(?<![\w/])1\/\/0[\w-]{30,}/g,
  // Stripe, Standard Webhooks, WooCommerce, Shopify, Square.
  /(?<![A-Za-z0-9])[rs]k_(?:org_)?(?:live|test|org)_[A-Za-z0-9]{10,}/g,
  /(?<![A-Za-z0-9])whsec_[\w+/=-]{16,}/g,
  /(?<![A-Za-z0-9])c[ks]_[0-9a-f]{40}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss|tka)_[A-Za-z0-9]{24,}/g,
  /(?<![A-Za-z0-9])sq0[a-z]{3}-[\w-]{22,}/g,
  // SendGrid, Mailgun, Mailchimp, Twilio, Brevo, Resend, Postmark's kin.
  /(?<![A-Za-z0-9])SG\.[\w-]{16,32}\.[\w-]{16,}/g,
  /(?<![A-Za-z0-9])key-[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])xkeysib-[0-9a-f]{32,}/g,
  // Registries and models: npm, PyPI, Hugging Face, Replicate, Groq, xAI, Perplexity.
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}/g,
  /(?<![A-Za-z0-9])pypi-[\w-]{40,}/g,
  /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}/g,
  /(?<![A-Za-z0-9])r8_[A-Za-z0-9]{30,}/g,
  /(?<![A-Za-z0-9])(?:gsk_|xai-|pplx-)[A-Za-z0-9]{32,}/g,
  // Telegram's bots.
  /(?<![A-Za-z0-9])(?:bot)?\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g,
  // Operators' tools: DigitalOcean, Vault, Databricks, Atlassian, Grafana, Sentry and others.
  /(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{32,}/g,
  /(?<![A-Za-z0-9])hv[bsr]\.[\w-]{24,}/g,
  /(?<![A-Za-z0-9])dapi[0-9a-f]{32}/g,
  /(?<![A-Za-z0-9])AT(?:ATT|CTT)3[\w=-]{30,}/g,
  /(?<![A-Za-z0-9])gl(?:c|sa)_[\w=-]{30,}/g,
  /(?<![A-Za-z0-9])sntry[su]_[\w+/=-]{30,}/g,
  /(?<![A-Za-z0-9])PMAK-[0-9a-f]{24}-[0-9a-f]{30,}/g,
  /(?<![A-Za-z0-9])lin_api_[A-Za-z0-9]{30,}/g,
  /(?<![A-Za-z0-9])ntn_[A-Za-z0-9]{30,}/g,
  /(?<![A-Za-z0-9])pat[A-Za-z0-9]{14}\.[0-9a-f]{60,}/g,
  /(?<![A-Za-z0-9])NRAK-[A-Z0-9]{26,}/g,
  // Registries and platforms: Docker, RubyGems, Netlify, Supabase, PlanetScale and others.
  /(?<![A-Za-z0-9])dckr_(?:pat|oat)_[\w-]{20,}/g,
  /(?<![A-Za-z0-9])rubygems_[0-9a-f]{40,}/g,
  /(?<![A-Za-z0-9])nfp_[A-Za-z0-9]{36,}/g,
  /(?<![A-Za-z0-9])(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})/g,
  /(?<![A-Za-z0-9])pscale_(?:tkn|oauth|pw)_[\w=.-]{30,}/g,
  /(?<![A-Za-z0-9])pul-[0-9a-f]{40}/g,
  /(?<!\w)\w{14}\.atlasv1\.[\w=-]{40,}/g,
  /(?<![A-Za-z0-9])(?:fo1|fm1[ar]|fm2)_[\w+/=-]{40,}/g,
  /(?<![A-Za-z0-9])dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}/g,
  /(?<![A-Za-z0-9])tskey-[\w-]{20,}/g,
  // Azure's client secrets, Facebook, Discord's bots, Dropbox, Figma and others.
  /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,}/g,
  /(?<![A-Za-z0-9+/]|[A-Za-z0-9+/]{20}\r?\n)EAA(?:[A-Za-z0-9]{60,}|A[\w-]{56,})/g,
  /(?<![\w-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}/g,
  /(?<![A-Za-z0-9])sl\.(?:u\.)?[\w-]{60,}/g,
  /(?<![A-Za-z0-9])figd_[\w-]{30,}/g,
  /(?<![A-Za-z0-9])sk\.eyJ[\w.-]{40,}/g,
  /(?<![A-Za-z0-9])secret_[A-Za-z0-9]{40,}/g,
  /(?<![A-Za-z0-9])re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}/g,
  /(?<![A-Za-z0-9])phx_[A-Za-z0-9]{40,}/g,
  /(?<![A-Za-z0-9])lsv2_[ps][tk]_[0-9a-f]{32}_[0-9a-f]{10}/g,
  /(?<![A-Za-z0-9])AGE-SECRET-KEY-1[A-Z0-9]{50,}/g,
  /(?<![A-Za-z0-9+/])ATBB[A-Za-z0-9]{28,40}(?![A-Za-z0-9+/])/g,
  /(?<![A-Za-z0-9])csk-[a-z0-9]{40,}/g,
  /(?<![A-Za-z0-9])xsmtpsib-[0-9a-f]{32,}/g,
];

/** Older keys of OpenAI and its imitators: letters and digits only, unlike a slug of words. */
const BARE_SK = /(?<![A-Za-z0-9])sk-[A-Za-z0-9]{20,}/g;
/**
 * A JSON Web Token: three parts of base64url, the first an object; five if it is encrypted. No part can begin inside
 * another, so each is read once.
 */
const WEB_TOKEN = /(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*(?:\.[\w-]+){0,2}/g;
const SHORTEST_WEB_TOKEN = 24;

export function maskTokens(text: string): string {
  let masked = text;
  for (const form of [...FORMS, ...MORE_FORMS]) masked = masked.replace(form, '[secret]');
  for (const form of MIXED_FORMS) masked = masked.replace(form, (found) => (isMixed(found) ? '[secret]' : found));
  masked = masked.replace(BARE_SK, (found) => (looksDrawn(found.slice(3)) ? '[secret]' : found));
  return masked.replace(WEB_TOKEN, (found) => (found.length < SHORTEST_WEB_TOKEN ? found : '[secret]'));
}

export const looksDrawn = (token: string): boolean =>
  isMixed(token) ||
  token
    .split(/[-_.]/)
    .some((piece) => piece.length >= 8 && (piece.match(/\d/g) ?? []).length >= 2 && /[A-Za-z]/.test(piece));

/** Letters of both cases and digits alternate, unlike in words, names of products and slugs. */
function isMixed(token: string): boolean {
  const changes = token.match(/[a-z](?=[A-Z\d])|[A-Z](?=\d)|\d(?=[A-Za-z])/g) ?? [];
  return changes.length >= 6 && /[A-Z]/.test(token) && /[a-z]/.test(token);
}
