/** More of vendors' documented forms, after `FORMS`. */
export const MORE_FORMS = [
  // Web hooks, whose addresses are secrets: Teams, Zapier, Make, IFTTT, Mattermost, n8n.
  /webhook\.office\.com\/webhookb2\/[\w@/-]{60,}/g,
  /outlook\.office(?:365)?\.com\/webhook\/[\w@/-]{60,}/g,
  /hooks\.zapier\.com\/hooks\/(?:catch|standard)\/\d{4,}\/\w[\w/]{4,}/g,
  /hook\.(?:[a-z]{2}\d\.)?(?:make|integromat)\.com\/[a-z0-9]{20,}/g,
  /maker\.ifttt\.com\/trigger\/[\w-]{1,64}\/(?:json\/)?with\/key\/[\w-]{20,}/g,
  /\/hooks\/[a-z0-9]{26}(?![\w-])/g,
  /\/webhook(?:-test)?\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])/g,
  // CRMs, mail and marketing: Salesforce, Zoho, Mailgun, Klaviyo, Intercom.
  /(?<![A-Za-z0-9])00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![\w.]{60,}/g,
  /(?<![\w.])1000\.[0-9a-f]{32}\.[0-9a-f]{32}(?![0-9a-f])/g,
  /(?<![A-Za-z0-9-])[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![A-Za-z0-9-])/g,
  /(?<![A-Za-z0-9])pk_[0-9a-f]{34}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9+/])dG9rOj[A-Za-z0-9+/]{40,}={0,2}/g,
  // Payment: PayPal, Paddle, Plaid, Adyen, Shippo, EasyPost.
  /access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[0-9a-f]{32}/g,
  /(?<![A-Za-z0-9])pdl_(?:live|sdbx)_apikey_\w{30,}/g,
  /(?<![A-Za-z0-9])access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
  /(?<![A-Za-z0-9+/])AQE[A-Za-z0-9+/]{40,120}={0,2}-[A-Za-z0-9+/]{30,}={0,2}(?:-[\w<>(){}[\]!#%&*+,./:;=?@^|~-]{8,40})?/g,
  /(?<![A-Za-z0-9])shippo_(?:live|test)_[0-9a-f]{40}/g,
  /(?<![A-Za-z0-9])EZ[AT]K[A-Za-z0-9]{54}/g,
  // Models: Together, NVIDIA, Jina, Tavily, Pinecone, ElevenLabs, Firecrawl, Vercel, Amazon, RunPod, Hugging Face.
  /(?<![A-Za-z0-9])tgp_v1_[\w-]{40,}/g,
  /(?<![A-Za-z0-9])nvapi-[\w-]{60,}/g,
  /(?<![A-Za-z0-9])jina_[A-Za-z0-9]{50,}/g,
  /(?<![A-Za-z0-9])pcsk_\w{40,}/g,
  /(?<![A-Za-z0-9])sk_[0-9a-f]{48}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])fc-[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])vc[aikpr]_[A-Za-z0-9]{40,}/g,
  /(?<![A-Za-z0-9+/])ABSK[A-Za-z0-9+/]{80,}={0,2}/g,
  /(?<![A-Za-z0-9])rpa_[A-Z0-9]{30,}/g,
  /(?<![A-Za-z0-9])api_org_[A-Za-z]{34}(?![A-Za-z0-9])/g,
  // Clouds: Microsoft's common form, Firebase, Heroku, Cloudflare, Dynatrace, New Relic.
  /(?<![A-Za-z0-9+/])[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{18,32}={0,2}/g,
  /(?<![A-Za-z0-9])AAAA[\w-]{7}:APA91b[\w-]{100,}/g,
  /(?<![A-Za-z0-9])HRKU-[\w-]{30,}/g,
  /(?<![A-Za-z0-9])cf(?:ut|at|k)_[A-Za-z0-9]{40,}/g,
  /(?<![A-Za-z0-9])dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{60,}/g,
  /(?<![A-Za-z0-9])[0-9a-f]{36}NRAL(?![A-Za-z0-9])/g,
  // Tools: NuGet, crates.io, Sonar, ClickUp, Asana, Typeform, Contentful, Cal.com, LaunchDarkly, Ghost, Buildkite and others.
  /(?<![A-Za-z0-9])oy2[a-z0-9]{43}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])sq[aup]_[0-9a-f]{40}/g,
  /(?<![A-Za-z0-9])pk_\d{6,9}_[A-Z0-9]{32}/g,
  /(?<![\w/])\d\/\d{12,20}(?:\/\d{12,20})?:[0-9a-f]{32}/g,
  /(?<![A-Za-z0-9])tfp_[\w-]{40,}/g,
  /(?<![A-Za-z0-9])CFPAT-[\w-]{40,}/g,
  /(?<![A-Za-z0-9])cal_(?:live_)?[0-9a-f]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9-])sdk-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])/g,
  /(?<![A-Za-z0-9])[0-9a-f]{24}:[0-9a-f]{64}(?![0-9a-f])/g,
  /(?<![A-Za-z0-9])bk[cu]a_[0-9a-f]{40}/g,
  /(?<![A-Za-z0-9])CCIP[AR]T_[A-Za-z0-9]{22}_[0-9a-f]{40}/g,
  /(?<![A-Za-z0-9+/])AKCp[A-Za-z0-9]{60,}/g,
  /(?<![A-Za-z0-9])ops_eyJ[\w-]{100,}/g,
  /(?<![A-Za-z0-9+/])IG(?:QV|AA)[A-Za-z0-9]{60,}/g,
  /(?<![A-Za-z0-9])WPL_AP\d\.[A-Za-z0-9]{10,40}\.[A-Za-z0-9+/=]{6,}/g,
  /(?<![A-Za-z0-9])0x4AAAAAAA[\w-]{24,}/g,
  /(?<![A-Za-z0-9])ES_[0-9a-f]{32}(?![A-Za-z0-9])/g,
  // WordPress' own cookies.
  /wordpress(?:_sec|_logged_in)?_[0-9a-f]{32}=[^;\s"'<>]{20,4096}/g,
];

/** Forms whose body may be a slug or a name: only drawn ones count. */
export const MIXED_FORMS = [
  // LiteLLM, Voyage, Fireworks, Tavily, crates.io, Mandrill, Mollie, GoCardless.
  /(?<![A-Za-z0-9])sk-[\w-]{20,}/g,
  /(?<![A-Za-z0-9])pa-[\w-]{40,}/g,
  /(?<![A-Za-z0-9])fw_[A-Za-z0-9]{22,}/g,
  /(?<![A-Za-z0-9])tvly-[\w-]{20,}/g,
  /(?<![A-Za-z0-9])cio[A-Za-z0-9]{32}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])md-[\w-]{22}(?![\w-])/g,
  /(?<![A-Za-z0-9])(?:live|test)_[A-Za-z0-9]{30}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])(?:live|sandbox)_[\w-]{40}(?![\w-])/g,
];
