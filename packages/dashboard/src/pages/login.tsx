import { useState } from 'preact/hooks';
import { ApiError, post } from '../client.js';
import { Problem } from '../parts/parts.js';

/** Asks for the token, once a month. */
export function Login() {
  const [error, setError] = useState<ApiError>();
  const [token, setToken] = useState('');
  const enter = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await post('/session', { token });
      location.reload();
    } catch (refused) {
      if (!(refused instanceof ApiError)) throw refused;
      setError(refused);
    }
  };
  return (
    <main class="login">
      <h1>Artifact bus</h1>
      <form onSubmit={enter}>
        <label for="token">
          Token (from <code>quantbot-bus token create</code>, or from the file of <code>http.token_file</code>)
        </label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          required
          value={token}
          onInput={event => setToken(event.currentTarget.value)}
        />
        <button type="submit">Enter</button>
      </form>
      {error !== undefined && <Problem error={error} />}
    </main>
  );
}
