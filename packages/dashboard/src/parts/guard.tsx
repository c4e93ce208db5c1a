import { Component, type ComponentChildren } from 'preact';
import { Title } from './parts.js';

interface State {
  error?: Error;
}

/** Keeps a mistake of one page from emptying the whole window. The navigation stays usable. */
export class Guard extends Component<{ children: ComponentChildren }, State> {
  override state: State = {};

  static override getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <>
        <Title>This page cannot be shown</Title>
        <div class="problem" role="alert">
          <p>
            <strong>{error.message}</strong>
          </p>
          <p>This is a mistake of the page; the bus is not affected. The other pages work.</p>
        </div>
        <p>
          <button type="button" onClick={() => this.setState({ error: undefined })}>
            Show it again
          </button>
        </p>
      </>
    );
  }
}
