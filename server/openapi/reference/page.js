/**
 * The page at /docs, in the browser: fetches the description of the API as whoever the key stands for, and shows it.
 */
const { rest, key: preset, version } = JSON.parse(document.getElementById('configuration').textContent);
const form = document.getElementById('as');
const input = document.getElementById('key');
const said = document.getElementById('said');
let shown = null;

/** What the key's role may use, as OpenAPI 3.1. */
const fetchDocument = async (key) => {
  const headers = { Accept: 'application/vnd.oai.openapi+json' };
  if (key !== '') headers.apikey = key;
  const response = await fetch(rest === '/' ? rest : `${rest}/`, { headers });
  if (response.ok) return response.json();
  const { message, hint } = await response.json();
  throw new Error([message, hint].filter(Boolean).join('. '));
};

const show = async (key) => {
  said.textContent = '';
  try {
    const content = await fetchDocument(key);
    shown?.destroy();
    shown = window.Scalar.createApiReference('#reference', {
      content,
      authentication: {
        preferredSecurityScheme: key.startsWith('ey') ? 'bearer' : 'apikey',
        securitySchemes: { bearer: { token: key }, apikey: { value: key } },
      },
      agent: { disabled: true, hideAddApi: true },
      defaultOpenFirstTag: false,
      documentDownloadType: 'direct',
      hideClientButton: true,
      mcp: { disabled: true },
      persistAuth: false,
      showDeveloperTools: 'never',
      telemetry: false,
      withDefaultFonts: false,
    });
  } catch (error) {
    said.textContent = error.message;
  }
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void show(input.value.trim());
});
input.value = preset ?? '';
document.title += ` (${version})`;
void show(preset ?? '');
