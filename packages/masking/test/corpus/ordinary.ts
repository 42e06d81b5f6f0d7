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
  write`The final score was ${number(0, 9)}:${number(0, 9)} after ${number(90, 120)} minutes; seats ${number(1, 99)}-${number(100, 199)}-${number(1, 9)}.`,
  write`Write @${one('harbour', 'ferry', 'ada')} on Mastodon, #${slug}, issue ${number(1, 9_999)}@main.`,
  write`Use std::${one('vector', 'map')}::iterator, key:value and ${number(1, 99)}::${number(1, 99)}; ratio ${number(1, 9)}:${number(1, 9)}.`,
);
