"""Many machines on one: replicas, nginx, AgentOS workers, PostgreSQL and Redis, each killed while runs go on."""
