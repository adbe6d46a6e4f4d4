//! A plugin that breaks the contract.
