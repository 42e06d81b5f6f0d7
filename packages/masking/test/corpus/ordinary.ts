import fc from 'fast-check';

const one = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const number = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);
const padded = (max: number, length: number) => fc.nat(max).map((value) => String(value).padStart(length, '0'));
const write = (parts: TemplateStringsArray, ...slots: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...slots).map((values) => parts.reduce((text, part, index) => `${text}${values[index - 1] ?? ''}${part}`));

/** The check digit of an EAN-13. */
function withEanCheck(twelve: string): string {
  const sum = [...twelve].reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3), 0);
  return `${twelve}${(10 - (sum % 10)) % 10}`;
}

const noun = one(
  'winter jacket',
  'sailing course',
  'harbour tour',
  'coffee grinder',
  'membership',
  'gift card',
  'bicycle bell',
  'webinar',
);
const adjective = one(
  'basic',
  'Basic',
  'waterproof',
  'blue',
  'classic',
  'bearer',
  'token',
  'secret',
  'private',
  'public',
  'mobile',
  'cellular',
);
const slug = fc
  .array(
    one('sk', 'pat', 'winter', 'jacket', 'blue', 'xl', 'testing', 'basic', 'key', 'ck', 'npm', 'hf', '2024', '2026'),
    { minLength: 2, maxLength: 6 },
  )
  .map((all) => all.join('-'));
const sku = write`${one('SK', 'AC', 'PAT', 'sk', 'WJ', 'XL')}-${number(2000, 2030)}-${one('SUMMER', 'blue', 'XXL')}-${padded(99, 2)}`;
const ean = write`${one('400', '978', '426', '761', '012', '590')}${padded(999_999_999, 9)}`.map(withEanCheck);
const price = write`${number(1, 9_999)}.${padded(99, 2)} ${one('EUR', 'USD', 'CHF', '€')}`;
const amount = write`${number(1, 999)}.${padded(999, 3)}.${padded(999, 3)},${padded(99, 2)}`;
const day = write`${number(1, 28)}.${number(1, 12)}.${number(1990, 2030)}`;
const iso = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(2e12) }).map((date) => date.toISOString());
const time = write`${padded(23, 2)}:${padded(59, 2)}:${padded(59, 2)}`;
const version = write`${number(0, 20)}.${number(0, 20)}.${number(0, 30)}`;
const order = fc.bigInt({ min: 1_000_000n, max: 999_999_999n }).map(String);
const tracking = write`${one('JD', 'RR', 'LX')}${padded(999_999_999, 9)}${one('DE', 'GB', 'US')}`;
const millis = fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }).map(String);
const hash = fc.array(one(...'0123456789abcdef'), { minLength: 32, maxLength: 32 }).map((all) => all.join(''));
const word = one(
  'principles',
  'information',
  'questions',
  'equipment',
  'knowledge',
  'certificate',
  'subscription',
  'instinct',
);

/** Sentences of shops, clubs and news as people write them, with what masks are easily mistaken about. */
export const ORDINARY: fc.Arbitrary<string> = fc.oneof(
  write`Our ${adjective} ${noun} explains the basic ${word} and costs ${price}.`,
  write`The ${noun} comes with basic ${word}, a bearer ${word} and a token of our thanks.`,
  write`Read more at /${slug}/ or /shop/${slug}?page=${number(1, 99)}&sort=price.`,
  write`SKU ${sku}, EAN ${ean}, weight ${number(1, 900)} g, size ${number(30, 54)}.`,
  write`Order ${order} of ${day} was shipped at ${time}; tracking ${tracking}.`,
  write`Since ${iso} version ${version} replaces version ${version}.`,
  write`Password: please choose ${number(8, 20)} characters or more; your secret: patience.`,
  write`Kennwort vergessen? Das ${noun} kostet ${price}, gültig bis ${day}, Artikel ${ean}.`,
  write`Le mot de passe doit compter ${number(8, 20)} caractères; prix ${price} au lieu de ${price}.`,
  write`Contraseña: al menos ${number(8, 20)} letras. El pedido ${order} llega el ${day}.`,
  write`Turnover was ${amount} EUR, after ${amount} EUR in ${number(1990, 2030)}.`,
  write`Invoice ${number(2000, 2030)}-${padded(99_999, 5)}, customer ${number(10_000, 99_999)}, total ${price}.`,
  write`Call us between ${number(8, 12)} and ${number(13, 20)}; mobile apps need ${number(4, 16)} GB; tel aviv ${number(1990, 2030)}.`,
  write`Ref ${millis}, checksum ${hash}, id ${fc.uuid()}.`,
  write`Section ${number(1, 9)}.${number(1, 9)}.${number(1, 9)}.${number(1, 9)} says: the ${noun} is ${adjective}.`,
  write`Temperatures from -${number(1, 20)} to +${number(1, 40)} °C, ${number(1, 99)} to ${number(1, 99)} km/h, +${number(1, 900)} % since ${number(1990, 2030)}.`,
  write`The ${one('iPhone', 'smartphone', 'Phone')} ${number(11, 17)} comes with ${number(64, 128)}, ${number(256, 512)} or ${number(600, 999)} GB.`,
  write`${one('Hotel', 'Kartell', 'Handy', 'Fax', 'Rappel :', 'call')} ${day}, ${one('2024', '2025')} ${number(2024, 2030)}.`,
  write`Coordinates +${number(1, 89)}.${padded(999_999, 6)}, +${number(1, 179)}.${padded(999_999, 6)}; altitude +${number(1, 999)} m.`,
  write`Growth of +${number(1, 99)}.${padded(999, 3)}.${padded(999, 3)} EUR, +${number(1, 9)} ${padded(999, 3)} ${padded(999, 3)} visitors, +${number(0, 9)}.${padded(99_999_999, 8)}.`,
  write`Uses ${one('react', 'lodash', 'vite', '@wordpress/data')}@${version} and ${one('logo', 'icon', 'hero')}@${number(2, 3)}x.${one('png', 'webp', 'jpg')}.`,
  write`a{color:#${hash};margin:${number(0, 9)} 0 0 ${number(0, 99)}px;background:url(/img/${slug}@2x.png)} a::after{content:"\\f${padded(999, 3)}"}`,
  write`<img src="data:image/png;base64,${fc.base64String({ minLength: 400, maxLength: 800 })}" alt="${noun}">`,
  write`Commit ${hash}${hash.map((all) => all.slice(0, 8))} fixes issue ${number(1, 9_999)}; artefact sha256-${fc.base64String({ minLength: 44, maxLength: 44 })}.`,
  write`ISBN ${one('3-16-148410-0', '978-3-16-148410-0', '0-306-40615-2')}, GTIN 0${ean}, ISSN 2049-3630, DOI 10.1000/${number(100, 999)}.${number(1, 99)}.`,
  write`Bestellnummer ${one('DE', 'AT', 'CH', 'FR')}-${number(2000, 2030)}-${padded(99_999, 5)}, Rechnung ${one('RE', 'INV')}${number(100_000, 999_999)}, Kundennummer ${number(10_000, 99_999)}.`,
  write`Kapitel ${number(1, 9)}.${number(1, 9)}.${number(1, 9)}.${number(1, 9)}: Das ${noun} erklärt die Grundlagen; chapitre ${number(1, 9)}.${number(1, 9)}.${number(1, 9)}.${number(1, 9)}.`,
  write`Signature: ${number(2000, 2030)}-${one('winter', 'summer')}-edition; token: ERC20-compatible; a bearer ${number(12, 36)}-month-certificate; security key: see chapter ${number(1, 9)}.`,
  write`Ihr Passwort: bitte ${number(8, 20)} Zeichen; mot de passe : au moins ${number(8, 20)} lettres; contraseña: mínimo ${number(8, 20)}; cookie: ${one('chocolate', 'vanilla')} ${price}.`,
  write`Le ${day} à ${time}, le téléphone ${adjective} a coûté ${price}; el ${day}, el teléfono nuevo vale ${price}; das Telefon kostet ${price}.`,
  write`Meeting (at) ${number(8, 20)}.30 in room ${number(1, 99)}, all@work, ${number(1, 99)}@${price}; ${number(1, 9)}­000 Bestel­lungen, ＡＢＣ１２３.`,
  write`The final score was ${number(0, 9)}:${number(0, 9)} after ${number(90, 120)} minutes; seats ${number(1, 99)}-${number(100, 199)}-${number(1, 9)}.`,
  write`Write @${one('harbour', 'ferry', 'ada')} on Mastodon, #${slug}, issue ${number(1, 9_999)}@main.`,
  write`Use std::${one('vector', 'map')}::iterator, key:value and ${number(1, 99)}::${number(1, 99)}; ratio ${number(1, 9)}:${number(1, 9)}.`,
);
