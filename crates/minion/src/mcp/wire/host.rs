//! What a server may ask of us: nothing. Each refusal is noted, for the agent and the record.

#![allow(deprecated)] // sampling and roots left the protocol; older servers ask for them

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ErrorCode, Implementation, ListRootsResult,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, RoleClient};

use super::hear::Heard;

/// Our side of a wire.
pub(super) struct Host(pub(super) Arc<Heard>);

impl Host {
    fn refuse(&self, what: &'static str) -> ErrorData {
        self.0.asked(what);
        ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("{what} is not given to servers here"),
            None,
        )
    }
}

impl ClientHandler for Host {
    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        Err(self.refuse("sampling"))
    }

    async fn list_roots(
        &self,
        _context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Err(self.refuse("roots"))
    }

    async fn create_elicitation(
        &self,
        _params: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Err(self.refuse("elicitation"))
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.0.change_tools();
    }

    fn get_info(&self) -> ClientConfig {
        // No capability: a server that keeps to the protocol asks for nothing.
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("alai", env!("CARGO_PKG_VERSION")),
        )
    }
}
